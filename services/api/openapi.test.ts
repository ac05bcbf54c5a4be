/** The document says what is served: every route, every answer, no reference into nothing. */
import { afterAll, expect, test } from "bun:test"
import { startApi, World } from "./testing/world.ts"

const { api, call, stop } = await startApi(new World())
afterAll(stop)

interface Json {
  readonly [key: string]: Json
}
const document = (await (await call("GET", "/openapi.json", { key: null })).json()) as Json

const at = (pointer: string): unknown =>
  pointer
    .slice(2)
    .split("/")
    .reduce((node: Json | undefined, key: string) => node?.[key.replaceAll("~1", "/").replaceAll("~0", "~")], document)

test("names OpenAPI 3.1 and every route, with its answers", () => {
  expect(document["openapi"] as unknown).toBe("3.1.0")
  for (const { method, path, answers, problems } of api.routes) {
    const operation = at(`#/paths/${path.replaceAll("/", "~1")}/${method.toLowerCase()}`) as Json
    expect(Object.keys(operation["responses"] as Json)).toEqual(expect.arrayContaining(Object.keys(answers)))
    expect(problems.length === 0 || operation["responses"] !== undefined).toBe(true)
  }
  expect(Object.keys(document["paths"] as Json).length).toBe(new Set(api.routes.map(({ path }) => path)).size)
})

test("every reference leads somewhere", () => {
  const references = JSON.stringify(document).match(/"#\/components\/[^"]+"/g) ?? []
  expect(references.length).toBeGreaterThan(20)
  for (const reference of new Set(references)) expect([reference, at(JSON.parse(reference))]).not.toContain(undefined)
})

test("a payment's request is closed, and its amount a bounded integer", () => {
  expect(at("#/components/schemas/PaymentRequest")).toMatchObject({
    additionalProperties: false,
    required: ["wallet_id", "amount", "currency", "merchant_id"],
    properties: {
      amount: { type: "integer", minimum: 1, maximum: Number.MAX_SAFE_INTEGER },
      merchant_id: { pattern: "^[A-Za-z0-9_.-]{1,64}$" }
    }
  })
})

test("an operation id is used once", () => {
  const ids = api.routes.map(({ operation }) => operation)
  expect(new Set(ids).size).toBe(ids.length)
})
