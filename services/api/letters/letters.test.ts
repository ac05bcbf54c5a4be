/** What the routes of dead letters ask for and refuse; the dead letters themselves are in tests/scenarios. */
import { afterAll, beforeEach, expect, test } from "bun:test"
import { encodeCommand } from "../../../shared/contract/codec.ts"
import { letterWith } from "../testing/letters.ts"
import { startApi, WALLET, World } from "../testing/world.ts"

const world = new World()
const { call, stop } = await startApi(world)
afterAll(stop)

const id = (n: number) => `01935d6e-7c3b-7e02-b0d7-00000000000${n}`
const D = "/api/v1/ops/dead-letters"
/** Of any answer of these routes what the tests look at. */
interface Body {
  readonly data: ReadonlyArray<{ readonly id: string }>
  readonly next_cursor: string
  readonly status: string
  readonly action_id: string
  readonly error: { readonly code: string; readonly details: Readonly<Record<string, string>> }
}
interface Told {
  readonly status: number
  readonly body: Body
}
const told = async (response: Response): Promise<Told> => ({
  status: response.status,
  body: (await response.json()) as Body
})
const post = async (path: string, body: unknown) => {
  const response = await call("POST", path, {
    body: JSON.stringify(body),
    headers: { "content-type": "application/json" }
  })
  return told(response)
}
const get = async (path: string) => told(await call("GET", path))
const reason = "fixed by today's release"

beforeEach(() => {
  world.letters.letters.clear()
  world.letters.asked.splice(0)
  for (const n of [1, 2, 3]) world.letters.letters.set(id(n), letterWith({ id: id(n), unit: `wallet-${n}` }))
  world.letters.letters.set(id(4), letterWith({ id: id(4), service: "saga", error_class: "decode" }))
  world.letters.letters.set(id(5), letterWith({ id: id(5), tenant: "other" }))
  world.letters.letters.set(id(6), letterWith({ id: id(6), status: "discarded", unit_status: null, waiting: 0 }))
})

const idsOf = ({ body }: Told) => body.data.map(({ id }) => id)

test("a list is of the tenant, newest first or oldest first, filtered, in pages", async () => {
  expect(idsOf(await get(D))).toEqual([id(6), id(4), id(3), id(2), id(1)])
  expect(idsOf(await get(`${D}?order=oldest&status=dead&service=wallet`))).toEqual([id(1), id(2), id(3)])
  expect(idsOf(await get(`${D}?unit=wallet-2`))).toEqual([id(2)])
  expect(idsOf(await get(`${D}?error_class=decode`))).toEqual([id(4)])
  const first = await get(`${D}?order=oldest&limit=2`)
  expect(idsOf(first)).toEqual([id(1), id(2)])
  expect(idsOf(await get(`${D}?order=oldest&limit=2&cursor=${first.body.next_cursor}`))).toEqual([id(3), id(4)])
  const other = await get(`${D}?order=newest&limit=2&cursor=${first.body.next_cursor}`)
  expect([other.status, other.body.error.details["field"]]).toEqual([400, "cursor"])
})

test("a filter that is none of the words is a 400 that names it", async () => {
  for (const field of ["service", "status", "error_class", "order"]) {
    const answer = await get(`${D}?${field}=nonsense`)
    expect([answer.status, answer.body.error.details["field"]]).toEqual([400, field])
  }
})

test("a letter tells the message, what its class means, and every try", async () => {
  const message = {
    id: id(9),
    type: "LockWallet",
    subject: `wallet-${WALLET}`,
    time: 0,
    tenant: "default",
    partitionkey: "default/ana",
    correlationid: WALLET,
    causationid: id(9),
    actor: "key:test",
    schema: 1,
    data: { wallet_id: WALLET, reason: "lost" }
  }
  world.letters.letters.set(id(1), letterWith({ id: id(1), body: encodeCommand(message) }))
  const { status, body } = await get(`${D}/${id(1)}`)
  expect(status).toBe(200)
  expect(body).toMatchObject({
    status: "dead",
    waiting: 2,
    raw: null,
    message: { type: "LockWallet", data: { reason: "lost" } },
    analysis: { by_itself: "at_every_start", what_to_do: expect.stringContaining("deploy") },
    history: [{ outcome: "failed", redrive: 0 }]
  })
  expect((await get(`${D}/${id(4)}`)).body).toMatchObject({ message: null, raw: "this is no message" })
})

test("a redrive needs a reason, is asked of the owner, and stands in the audit log", async () => {
  expect((await post(`${D}/${id(1)}/redrive`, {})).status).toBe(400)
  expect(world.letters.asked).toEqual([])
  const { status, body } = await post(`${D}/${id(1)}/redrive`, { reason })
  expect([status, body.status]).toEqual([202, "redriving"])
  expect(world.letters.asked).toMatchObject([
    { tp: 448, message: { type: "RedriveUnit", actor: "operator:test", data: { dead_letter_id: id(1), reason } } }
  ])
  expect(world.operators.actions.get(body.action_id)).toMatchObject({
    action: "dead_letter.redrive",
    target: `dead_letter-${id(1)}`,
    outcome: "applied",
    reason
  })
})

test("another tenant's letter is none, a closed one is a conflict that the audit log keeps", async () => {
  for (const letter of [id(5), id(8), "no-uuid"])
    expect((await post(`${D}/${letter}/discard`, { reason })).body.error.code).toBe("DEAD_LETTER_NOT_FOUND")
  const closed = await post(`${D}/${id(6)}/discard`, { reason })
  expect([closed.status, closed.body.error.code]).toEqual([409, "DEAD_LETTER_CLOSED"])
  world.letters.letters.set(id(1), letterWith({ id: id(1), unit_status: "redriving" }))
  expect((await post(`${D}/${id(1)}/redrive`, { reason })).body.error.details["status"]).toBe("redriving")
  expect(world.operators.actions.get(String(closed.body.error.details["action_id"]))).toMatchObject({
    outcome: "refused"
  })
  expect(world.letters.asked).toEqual([])
})

test("many are asked for oldest first: those that match, no more than the limit, or those that are named", async () => {
  const some = await post(`${D}/redrive`, { service: "wallet", limit: 2, reason })
  expect(some.body).toMatchObject({ asked: [id(1), id(2)], skipped: [], more: true })
  expect(world.letters.asked.map(({ message }) => (message.data as { unit: string }).unit)).toEqual([
    "wallet-1",
    "wallet-2"
  ])
  const named = await post(`${D}/redrive`, { ids: [id(6), id(3), id(5)], reason })
  expect(named.body).toMatchObject({
    asked: [id(3)],
    skipped: [
      { id: id(6), reason: "discarded" },
      { id: id(5), reason: "not_found" }
    ],
    more: false
  })
  for (const [field, value] of Object.entries({ limit: 0, ids: ["x"], service: "api", error_class: "x", more: 1 }))
    expect((await post(`${D}/redrive`, { reason, [field]: value })).body.error.details["field"]).toStartWith(field)
})
