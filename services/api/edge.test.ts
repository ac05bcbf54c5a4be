/** What only the whole app shows: a payment's story to those who may hear it, twins, and silence when nobody asks. */
import { afterAll, beforeEach, expect, test } from "bun:test"
import { NotAccepted } from "../../shared/runtime/commands.ts"
import { sentIn } from "./testing/sse.ts"
import { PAYMENT, story } from "./testing/story.ts"
import { OTHER_KEY, startApi, WALLET, World } from "./testing/world.ts"

const world = new World()
const { call, stop } = await startApi(world)
afterAll(stop)
beforeEach(() => {
  world.failure = undefined
  world.addWallet({ id: WALLET })
})

const json = { "content-type": "application/json" }
const refusal = async (response: Response) =>
  (await response.json()) as { readonly error: { readonly code: string; readonly details: Record<string, unknown> } }

test("twins that met in one commit: the second hears whose wallet stands, or to come back", async () => {
  const open = () =>
    call("POST", "/api/v1/wallets", {
      body: JSON.stringify({ user_id: "ana", currency: "USD" }),
      headers: { ...json, "idempotency-key": `twin-${world.submitted.length}` }
    })
  world.failure = new NotAccepted({ detail: "decider defect: wallet.owners default ana USD twice in one batch" })
  const { error } = await refusal(await open())
  expect([error.code, error.details["wallet_id"]]).toEqual(["WALLET_EXISTS", WALLET])
  world.wallets.clear()
  const away = await open()
  expect(away.headers.get("retry-after")).toBe("1")
  expect((await refusal(away)).error.code).toBe("UNAVAILABLE")
})

test("a stream: resumed anywhere, refused to others and wrong positions, over for who has heard all", async () => {
  world.addPayment({ id: PAYMENT, status: "COMPLETED" })
  world.events.push(...story)
  const path = `/api/v1/payments/${PAYMENT}/stream`
  const whole = await call("GET", path)
  expect(whole.headers.get("content-type")).toBe("text/event-stream")
  const sent = sentIn(await whole.text())
  expect(sent.map(({ event }) => event)).toEqual([...story.slice(0, -1).map(({ type }) => type), "notification", "end"])
  const told = (await (await call("GET", `/api/v1/payments/${PAYMENT}/timeline`)).json()) as { data: Array<unknown> }
  expect(sent.slice(0, -1).map(({ data }) => data)).toEqual(told.data as never)
  const middle = sent[6]?.id ?? ""
  const byHeader = await call("GET", path, { headers: { "last-event-id": middle } })
  const byQuery = await call("GET", `${path}?last_event_id=${middle}`)
  for (const rest of [byHeader, byQuery]) expect(sentIn(await rest.text())).toEqual(sent.slice(7))
  expect((await call("GET", path, { headers: { "last-event-id": sent.at(-1)?.id ?? "" } })).status).toBe(204)
  expect((await refusal(await call("GET", path, { key: OTHER_KEY }))).error.code).toBe("PAYMENT_NOT_FOUND")
  expect((await refusal(await call("GET", `${path}?last_event_id=7`))).error.code).toBe("INVALID_REQUEST")
})

test("nobody asks for anything: no query is sent", async () => {
  let queries = 0
  const counted = Object.fromEntries(
    Object.entries(world.store()).map(([name, ask]) => [
      name,
      (...args: ReadonlyArray<never>) => {
        queries++
        return (ask as (...args: ReadonlyArray<never>) => unknown)(...args)
      }
    ])
  )
  const watched = await startApi(Object.assign(new World(), { store: () => counted }) as World)
  world.addPayment({ id: PAYMENT })
  const stream = await watched.call("GET", `/api/v1/payments/${PAYMENT}/stream`)
  const reader = stream.body?.getReader()
  await reader?.read()
  await Bun.sleep(60)
  expect(queries).toBeGreaterThan(2)
  await reader?.cancel()
  await Bun.sleep(30)
  const before = queries
  await Bun.sleep(600)
  expect(queries).toBe(before)
  await watched.stop()
})
