/** Requests from outside: every kind of bad input gets its documented answer, and no command is submitted. */
import { afterAll, beforeEach, describe, expect, test } from "bun:test"
import { ERRORS, type ErrorCode } from "../../shared/contract/errors.ts"
import { OTHER_KEY, READ_KEY, startApi, WALLET, World } from "./testing/world.ts"

const world = new World()
const { api, call, stop, readiness } = await startApi(world)
afterAll(stop)
beforeEach(() => {
  world.submitted.length = 0
  world.addWallet({ id: WALLET })
})

type Sent = NonNullable<RequestInit["body"]>
const json = { "content-type": "application/json" }
const good = { wallet_id: WALLET, amount: 100000, currency: "USD", merchant_id: "book-shop" }
const nested = (depth: number) => `{"metadata":${'{"a":'.repeat(depth - 1)}1${"}".repeat(depth)}`

let keys = 0
const freshKey = () => `bad-${keys++}`
const post = (body: Sent, headers: Record<string, string> = {}) =>
  call("POST", "/api/v1/payments", { body, headers: { ...json, "idempotency-key": freshKey(), ...headers } })

const refusal = async (response: Response) => {
  const body = (await response.json()) as {
    status: number
    title: string
    type: string
    trace_id: string
    instance: string
    error: { code: ErrorCode; message: string; details: Record<string, unknown> }
    errors?: ReadonlyArray<{ pointer: string; detail: string }>
  }
  expect(response.headers.get("content-type")).toBe("application/problem+json")
  expect(body.status).toBe(response.status)
  expect(response.status).toBe(ERRORS[body.error.code].status)
  expect(body.title).toBe(ERRORS[body.error.code].title)
  expect(body.trace_id).toBe(response.headers.get("trace_id") as string)
  return body
}

describe("amount", () => {
  const literals = [
    ["zero", "0"],
    ["negative", "-1"],
    ["minus zero", "-0"],
    ["a fraction", "1.5"],
    ["a fraction that is whole", "1.0"],
    ["an exponent", "1e3"],
    ["an exponent in a string", '"1e3"'],
    ["digits in a string", '"100"'],
    ["with spaces", '" 10 "'],
    ["Arabic digits", '"٣"'],
    ["2^53", "9007199254740992"],
    ["2^63", "9223372036854775808"],
    ["a number beyond every double", "1e999"],
    ["null", "null"],
    ["true", "true"],
    ["a list", "[1]"],
    ["an object", '{"minor":1}']
  ] as const
  for (const [name, literal] of literals)
    test(`${name}: ${literal}`, async () => {
      const text = JSON.stringify({ ...good, amount: "HERE" }).replace('"HERE"', literal)
      const { error, errors } = await refusal(await post(text))
      expect(error.code).toBe("INVALID_REQUEST")
      expect(error.details["field"]).toBe("amount")
      expect(errors?.[0]?.pointer).toBe("#/amount")
      expect(world.submitted).toEqual([])
    })

  test.each(["NaN", "Infinity", "01", "+1", "0x10", "1_000", "٣"])("%s is no JSON at all", async (literal) => {
    const text = JSON.stringify({ ...good, amount: "HERE" }).replace('"HERE"', literal)
    expect((await refusal(await post(text))).error.code).toBe("INVALID_JSON")
    expect(world.submitted).toEqual([])
  })

  test.each([1n, 2n ** 53n - 1n])("%s is taken exactly", async (amount) => {
    const text = JSON.stringify({ ...good, amount: "HERE" }).replace('"HERE"', String(amount))
    const response = await post(text)
    expect(response.status).toBe(201)
    expect(await response.text()).toContain(`"amount":${amount},`)
    expect(world.submitted[0]?.message.data).toMatchObject({ amount })
  })
})

describe("a body", () => {
  const cases: ReadonlyArray<readonly [string, Sent, ErrorCode, string?]> = [
    ["an unknown field", JSON.stringify({ ...good, user_id: "ana" }), "INVALID_REQUEST", "user_id"],
    ["a missing field", JSON.stringify({ ...good, merchant_id: undefined }), "INVALID_REQUEST", "merchant_id"],
    ["an unknown currency", JSON.stringify({ ...good, currency: "XXX" }), "INVALID_REQUEST", "currency"],
    ["a currency in lower case", JSON.stringify({ ...good, currency: "usd" }), "INVALID_REQUEST", "currency"],
    ["the wallet's is another", JSON.stringify({ ...good, currency: "EUR" }), "CURRENCY_MISMATCH", "currency"],
    ["a merchant with a space", JSON.stringify({ ...good, merchant_id: "a b" }), "INVALID_REQUEST", "merchant_id"],
    ["a merchant of 65", JSON.stringify({ ...good, merchant_id: "a".repeat(65) }), "INVALID_REQUEST", "merchant_id"],
    ["an empty description", JSON.stringify({ ...good, description: "" }), "INVALID_REQUEST", "description"],
    ["a NUL", JSON.stringify({ ...good, description: "a\u0000" }), "INVALID_REQUEST", "description"],
    ["half a character", `{"description":"\\ud800",${JSON.stringify(good).slice(1)}`, "INVALID_REQUEST", "description"],
    ["501 characters", JSON.stringify({ ...good, description: "a".repeat(501) }), "INVALID_REQUEST", "description"],
    ["a number in metadata", JSON.stringify({ ...good, metadata: { a: 1 } }), "INVALID_REQUEST", "metadata/a"],
    ["a prototype", `{"metadata":{"__proto__":"x"},${JSON.stringify(good).slice(1)}`, "INVALID_REQUEST"],
    [
      "21 entries",
      JSON.stringify({ ...good, metadata: Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`k${i}`, "v"])) }),
      "INVALID_REQUEST",
      "metadata"
    ],
    ["no such wallet", JSON.stringify({ ...good, wallet_id: crypto.randomUUID() }), "WALLET_NOT_FOUND"],
    ["a wallet that is no UUID", JSON.stringify({ ...good, wallet_id: "nonsense" }), "WALLET_NOT_FOUND"],
    ["a list", "[]", "INVALID_JSON"],
    ["a string", '"x"', "INVALID_JSON"],
    ["nothing", "", "INVALID_JSON"],
    ["half of it", JSON.stringify(good).slice(0, 40), "INVALID_JSON"],
    ["nested 9 deep", nested(9), "INVALID_JSON"],
    ["nested 30,000 deep", "[".repeat(30_000), "INVALID_JSON"],
    ["no UTF-8", new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), "INVALID_JSON"],
    ["1 MB", JSON.stringify({ ...good, description: "a".repeat(1 << 20) }), "BODY_TOO_LARGE"]
  ]
  for (const [name, body, code, field] of cases)
    test(`${name} → ${ERRORS[code].status} ${code}`, async () => {
      const { error } = await refusal(await post(body))
      expect(error.code).toBe(code)
      if (field !== undefined) expect(error.details["field"]).toBe(field)
      expect(world.submitted).toEqual([])
    })

  test("of 70,000 bytes whose length nobody announced", async () => {
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.enqueue(new Uint8Array(10_000).fill(32))
      }
    })
    expect((await refusal(await post(body))).error.code).toBe("BODY_TOO_LARGE")
  })

  test("names every wrong field", async () => {
    const { errors } = await refusal(await post(JSON.stringify({ amount: 0, x: 1, currency: "USD" })))
    expect(errors?.map(({ pointer }) => pointer).sort()).toEqual(["#/amount", "#/merchant_id", "#/wallet_id", "#/x"])
  })

  test("of another type", async () => {
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
      expect((await refusal(await post("{}", { "content-type": type }))).error.code).toBe("UNSUPPORTED_MEDIA_TYPE")
    expect((await post(JSON.stringify(good), { "content-type": "Application/JSON; charset=utf-8" })).status).toBe(201)
  })
})

describe("Idempotency-Key", () => {
  const send = (key: string | undefined) => {
    const headers = key === undefined ? json : { ...json, "idempotency-key": key }
    return call("POST", "/api/v1/payments", { body: JSON.stringify(good), headers })
  }
  test.each([undefined, "", "  "])("missing: %p", async (key) => {
    expect((await refusal(await send(key))).error.code).toBe("IDEMPOTENCY_KEY_REQUIRED")
  })
  test.each(["a".repeat(256), '"half', '""', '"a" b'])("malformed: %p", async (key) => {
    const { error } = await refusal(await send(key))
    expect(error).toMatchObject({ code: "INVALID_REQUEST", details: { field: "Idempotency-Key" } })
    expect(world.submitted).toEqual([])
  })
  test("bare and quoted are the same key", async () => {
    const first = (await (await send("same-key")).json()) as { id: string }
    const again = await send('"same-key"')
    expect(again.headers.get("idempotent-replayed")).toBe("true")
    expect(((await again.json()) as { id: string }).id).toBe(first.id)
    expect(world.submitted).toHaveLength(1)
  })
})

describe("who asks", () => {
  const body = JSON.stringify(good)
  const headers = () => ({ ...json, "idempotency-key": freshKey() })
  test("nobody, a wrong key and another scheme get the same answer", async () => {
    const answers = []
    for (const authorization of [undefined, "Bearer wrong", "Bearer ", "Basic YTpi", "Bearer a b"]) {
      const extra = authorization === undefined ? {} : { authorization }
      const response = await call("POST", "/api/v1/payments", { body, key: null, headers: { ...headers(), ...extra } })
      expect(response.headers.get("www-authenticate")).toBe("Bearer")
      const { trace_id, ...answer } = await refusal(response)
      answers.push(JSON.stringify(answer))
    }
    expect(new Set(answers).size).toBe(1)
    expect(world.submitted).toEqual([])
  })
  test("a key without the scope", async () => {
    const { error } = await refusal(await call("POST", "/api/v1/payments", { body, key: READ_KEY, headers: headers() }))
    expect(error).toMatchObject({ code: "FORBIDDEN", details: { required_scope: "payments:write" } })
  })
  test("another tenant's wallet and payment are not there", async () => {
    const paid = (await (await call("POST", "/api/v1/payments", { body, headers: headers() })).json()) as { id: string }
    world.submitted.length = 0
    const other = { body, key: OTHER_KEY, headers: headers() }
    expect((await refusal(await call("POST", "/api/v1/payments", other))).error.code).toBe("WALLET_NOT_FOUND")
    const seen = await call("GET", `/api/v1/payments/${paid.id}`, { key: OTHER_KEY })
    expect((await refusal(seen)).error.code).toBe("PAYMENT_NOT_FOUND")
    const wallet = await call("GET", `/api/v1/wallets/${WALLET}`, { key: OTHER_KEY })
    expect((await refusal(wallet)).error.code).toBe("WALLET_NOT_FOUND")
    expect(world.submitted).toEqual([])
  })
})

describe("addresses", () => {
  test("nothing there", async () => {
    expect((await refusal(await call("GET", "/api/v1/nothing"))).error.code).toBe("NOT_FOUND")
  })
  test("another method is told which are allowed", async () => {
    const response = await call("DELETE", "/api/v1/payments")
    expect(response.headers.get("allow")).toBe("POST, GET, HEAD")
    expect((await refusal(response)).error.code).toBe("METHOD_NOT_ALLOWED")
  })
  test("a valid trace goes on, a broken one begins anew", async () => {
    const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    await post(JSON.stringify(good), { traceparent })
    expect(world.submitted[0]?.message.traceparent).toMatch(/^00-4bf92f3577b34da6a3ce929d0e0e4736-[0-9a-f]{16}-01$/)
    for (const broken of [`${traceparent}-x`, `ff${traceparent.slice(2)}`, traceparent.toUpperCase(), "nonsense"]) {
      const trace = (await call("GET", "/live", { headers: { traceparent: broken } })).headers.get("traceparent")
      expect(trace).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/)
      expect(trace).not.toContain("4bf92f3577b34da6a3ce929d0e0e4736")
    }
  })
})

describe("queries", () => {
  const get = (path: string) => call("GET", path)
  test.each([
    ["/api/v1/payments?limit=0", "limit"],
    ["/api/v1/payments?limit=201", "limit"],
    ["/api/v1/payments?limit=ten", "limit"],
    ["/api/v1/payments?cursor=nonsense", "cursor"],
    ["/api/v1/payments?from=yesterday", "from"],
    ["/api/v1/payments?to=2026-13-01T00:00:00Z", "to"],
    [`/api/v1/wallets/${WALLET}/balance?at=2026`, "at"],
    [`/api/v1/wallets/${WALLET}/balance?at=2999-01-01T00:00:00Z`, "at"]
  ])("%s", async (path, field) => {
    expect((await refusal(await get(path))).error).toMatchObject({ code: "INVALID_REQUEST", details: { field } })
  })
  test("pages follow each other, and a cursor of another list is refused", async () => {
    for (const i of [1, 2, 3]) world.addWallet({ id: `01935d6e-0b2c-7d55-8f10-00000000000${i}`, user_id: "bob" })
    const path = "/api/v1/wallets?user_id=bob&limit=2"
    const first = (await (await get(path)).json()) as { data: Array<unknown>; next_cursor: string }
    expect(first.data).toHaveLength(2)
    const second = (await (await get(`${path}&cursor=${first.next_cursor}`)).json()) as typeof first
    expect(second).toMatchObject({ data: [{ id: "01935d6e-0b2c-7d55-8f10-000000000003" }], next_cursor: null })
    const other = await get(`/api/v1/wallets?user_id=eve&cursor=${first.next_cursor}`)
    expect((await refusal(other)).error.details["field"]).toBe("cursor")
  })
})

test("a bug is a 500 that says nothing of itself", async () => {
  world.refusal = { code: "NO_SUCH_CODE", reason: "secret" }
  const response = await post(JSON.stringify(good))
  world.refusal = undefined
  const text = await response.clone().text()
  expect((await refusal(response)).error.code).toBe("INTERNAL")
  expect(text).not.toMatch(/secret|NO_SUCH_CODE|\.ts/)
})

test("with tracing on, a span of the request's trace is the parent of what follows", async () => {
  const traced = await startApi(world, true)
  const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
  const response = await traced.call("POST", "/api/v1/payments", {
    body: JSON.stringify(good),
    headers: { ...json, "idempotency-key": freshKey(), traceparent }
  })
  const span = response.headers.get("traceparent")
  expect(span).toMatch(/^00-4bf92f3577b34da6a3ce929d0e0e4736-[0-9a-f]{16}-01$/)
  expect(world.submitted[0]?.message.traceparent).toBe(span as string)
  await traced.stop()
})

test("while draining, requests are refused and health says why", async () => {
  expect((await call("GET", "/ready")).status).toBe(200)
  readiness.report("store", { up: false, detail: "connection refused" })
  readiness.report("cache", { up: false, required: false })
  const health = await call("GET", "/health", { key: null })
  expect(health.status).toBe(503)
  expect(await health.json()).toMatchObject({
    status: "unavailable",
    dependencies: { store: { status: "down" }, cache: { status: "down" } }
  })
  readiness.report("store", { up: true })
  expect((await call("GET", "/ready")).status).toBe(200)
  readiness.enter("draining")
  readiness.enter("running")
  expect((await (await call("GET", "/ready")).json()) as object).toEqual({ status: "draining" })
  expect((await call("GET", "/live")).status).toBe(200)
  expect((await refusal(await post(JSON.stringify(good)))).error.code).toBe("UNAVAILABLE")
  expect(api.inFlight()).toBe(0)
})
