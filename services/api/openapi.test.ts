/** The document says what is served: every route, every answer, no reference into nothing. */
import { afterAll, describe, expect, test } from "bun:test"
import { Schema } from "effect"
import { EXAMPLE } from "../../shared/contract/catalogue.ts"
import { transfer } from "./examples-money.ts"
import { Payment, TimelineEvent } from "./resources.ts"
import type { Route } from "./route.ts"
import { holdWith } from "./testing/holds.ts"
import { letterWith } from "./testing/letters.ts"
import { transferWith, withdrawalWith } from "./testing/money.ts"
import { sentIn } from "./testing/sse.ts"
import { PAYMENT, story } from "./testing/story.ts"
import { KEY, startApi, WALLET, World } from "./testing/world.ts"

const HOLD = EXAMPLE.other
const LETTER = EXAMPLE.other
const world = new World()
world.addWallet({ id: WALLET, user_id: "eve" })
world.addWallet({ id: transfer.asks.destination_wallet_id, user_id: "bob" })
world.money.withdrawals.set(EXAMPLE.other, withdrawalWith({ id: EXAMPLE.other }))
world.money.transfers.set(EXAMPLE.other, transferWith({ id: EXAMPLE.other }))
world.addPayment({ id: PAYMENT, status: "COMPLETED" })
world.refunds.add({ id: EXAMPLE.other, payment_id: PAYMENT })
world.operators.addSaga({ id: PAYMENT, status: "COMPENSATING", parked: true })
world.events.push(...story)
world.letters.letters.set(LETTER, letterWith({ id: LETTER }))
world.holds.set(HOLD, holdWith({ id: HOLD }))
const { api, call, stop } = await startApi(world)
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
const operationOf = ({ method, path }: Route): Json =>
  at(`#/paths/${path.replaceAll("/", "~1")}/${method.toLowerCase()}`) as Json
const strictly = (schema: Schema.Top) =>
  Schema.decodeUnknownSync(schema as Schema.Codec<unknown, unknown>, { onExcessProperty: "error" })

test("names OpenAPI 3.1 and every route, with its answers", () => {
  expect(document["openapi"] as unknown).toBe("3.1.0")
  for (const route of api.routes) {
    const responses = Object.keys(operationOf(route)["responses"] as Json)
    expect(responses).toEqual(expect.arrayContaining(Object.keys(route.answers)))
  }
  const paths = Object.values(document["paths"] as Json).flatMap((item) => Object.keys(item))
  expect(paths.length).toBe(api.routes.length)
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

test("whatever operators may change asks for a reason, and has examples", () => {
  for (const route of api.routes.filter(({ scope }) => scope === "ops:write")) {
    expect([route.operation, route.body?.example]).toEqual([
      route.operation,
      expect.objectContaining({ reason: expect.any(String) })
    ])
    for (const { example } of Object.values(route.answers)) expect([route.operation, example]).not.toContain(undefined)
  }
})

test("an operation id is used once", () => {
  const ids = api.routes.map(({ operation }) => operation)
  expect(new Set(ids).size).toBe(ids.length)
})

describe("examples", () => {
  test("are what the schemas say", () => {
    for (const { body, answers } of api.routes) {
      if (body?.example !== undefined) strictly(body.schema)(body.example)
      for (const { schema, example, type } of Object.values(answers))
        if (schema !== undefined && example !== undefined && type === undefined) strictly(schema)(example)
    }
  })

  test("are there for whatever moves money", () => {
    for (const route of api.routes.filter(({ key, operation }) => key !== undefined || operation === "cancelPayment")) {
      expect([route.operation, route.body?.example]).not.toContain(undefined)
      for (const { example } of Object.values(route.answers))
        expect([route.operation, example]).not.toContain(undefined)
    }
  })

  test("the stream's is a stream", () => {
    const stream = api.routes.find(({ operation }) => operation === "streamPayment")
    const [told, end] = sentIn(String(stream?.answers[200]?.example))
    strictly(TimelineEvent)(told?.data)
    strictly(Payment)(end?.data)
  })
})

describe("every route answers what it says it answers", () => {
  const path = ({ path }: Route) =>
    path
      .replace(
        "{id}",
        /\/(payments|sagas)/.test(path)
          ? PAYMENT
          : /\/(holds|transfers|withdrawals)\/\{id|refunds|dead-letters/.test(path)
            ? HOLD
            : WALLET
      )
      .replace("{provider}", "stripe")
  const headers = (route: Route) => ({
    ...(route.body === undefined ? {} : { "content-type": "application/json" }),
    ...(route.key === undefined ? {} : { "idempotency-key": `documented-${route.operation}` })
  })
  const valid = (route: Route) => {
    const example = route.body?.example ?? { reason: "stolen phone" }
    return JSON.stringify(route.operation === "pay" ? { ...example, wallet_id: WALLET } : example)
  }
  const answered = async (route: Route, response: Response) => {
    const documented = (operationOf(route)["responses"] as Json)[String(response.status)]
    expect([route.operation, response.status, documented]).not.toContain(undefined)
    const resolved = "$ref" in (documented as Json) ? (at(String(documented?.["$ref"])) as Json) : documented
    const type = response.headers.get("content-type")?.split(";")[0] ?? ""
    const text = await response.text()
    if (text !== "") expect(Object.keys(resolved?.["content"] ?? { [type]: {} })).toContain(type)
    return text
  }

  test.each(api.routes.map((route) => [`${route.method} ${route.path}`, route] as const))("%s", async (_, route) => {
    const body = route.body === undefined ? undefined : valid(route)
    const response = await call(route.method, path(route), { headers: headers(route), ...(body && { body }) })
    expect(response.status).toBeLessThan(route.operation === "cancelPayment" ? 410 : 300)
    await answered(route, response)
    if (route.scope === undefined) return
    await answered(route, await call(route.method, path(route), { key: null }))
    await answered(route, await call(route.method, `${path(route)}?limit=x&at=x&from=x&cursor=x&last_event_id=x`))
    await answered(route, await call(route.method, path(route).replace(/[0-9a-f]{8}-/, "00000000-")))
    if (body === undefined) return
    for (const wrong of ["", "[", '{"amount":"1"}', JSON.stringify({ ...JSON.parse(body), unknown: 1 })])
      await answered(route, await call(route.method, path(route), { headers: headers(route), body: wrong }))
  })

  test("and with a method that none has, nothing", async () => {
    for (const route of api.routes) {
      const response = await call("DELETE", path(route), { headers: { authorization: `Bearer ${KEY}` } })
      expect([route.path, response.status]).toEqual([route.path, 405])
      expect(response.headers.get("allow")).toContain(route.method)
    }
  })
})
