/** What an operator does is in the audit log before it takes effect, and its outcome after it. */
import { afterAll, expect, test } from "bun:test"
import { Effect } from "effect"
import { NotAccepted } from "../../shared/runtime/commands.ts"
import { Ids } from "../../shared/runtime/ids.ts"
import type { Principal } from "./auth.ts"
import { type Operated, operate } from "./operate.ts"
import { actionView } from "./ops/resources.ts"
import { problem } from "./problem.ts"
import type { Answer, ApiFailure } from "./responses.ts"
import type { ApiRequest } from "./route.ts"
import { startApi, World } from "./testing/world.ts"

const world = new World()
const { call, stop } = await startApi(world)
afterAll(stop)

const NOW = Date.parse("2026-11-25T09:30:00.000Z")
const principal: Principal = { tenant: "default", actor: "key:k1", scopes: new Set() }
const request: ApiRequest<{ readonly reason: string }> = {
  now: NOW,
  trace: { traceId: "t", sampled: true, traceparent: "00-t-s-01" },
  principal,
  id: "x",
  query: new URLSearchParams(),
  headers: new Headers(),
  key: undefined,
  body: { reason: "because" }
}

type Perform = Parameters<typeof operate>[2]["perform"]
const run = (perform: Perform, in_ = new World()) => {
  const act = Effect.gen(function* () {
    const parts = { commands: in_.commands(), ids: yield* Ids }
    const before = { open: false }
    return yield* operate(parts, request, { action: "thing.do", target: "thing-x", before, perform })
  })
  const told = Effect.match(act, {
    onSuccess: (answer): Answer | ApiFailure => answer,
    onFailure: (failure) => failure
  })
  return Effect.runPromiseExit(told.pipe(Effect.provide(Ids.layer)))
}
const outcome = (in_: World) => [...in_.operators.actions.values()].map(({ outcome, code }) => [outcome, code])

test("the request is in the log before anything happens, with who, why and how it was", async () => {
  const in_ = new World()
  let seen: unknown
  const done: Operated = { body: { opened: true }, after: { open: true } }
  const exit = await run((operator, actionId) => {
    seen = { ...in_.operators.actions.get(actionId), by: operator.principal.actor }
    return Effect.succeed(done)
  }, in_)
  expect(seen).toMatchObject({ actor: "operator:k1", by: "operator:k1", reason: "because", outcome: null })
  const [action] = in_.operators.actions.values()
  expect(action).toMatchObject({ outcome: "applied", before: '{"open":false}', after: '{"open":true}' })
  expect(exit).toMatchObject({ value: { status: 200, body: `{"opened":true,"action_id":"${action?.id}"}` } })
})

test("a refusal is recorded, and names its action", async () => {
  const in_ = new World()
  const exit = await run(() => Effect.fail(problem("WALLET_LOCKED", { detail: "locked", details: { a: 1 } })), in_)
  const [action] = in_.operators.actions.values()
  expect(action).toMatchObject({ outcome: "refused", code: "WALLET_LOCKED", detail: "locked" })
  expect(exit).toMatchObject({ value: { code: "WALLET_LOCKED", details: { a: 1, action_id: action?.id } } })
})

test("what could not be done is told apart from what was refused; a mistake of ours is one of them", async () => {
  const in_ = new World()
  await run(() => Effect.fail(new NotAccepted({ detail: "away" })), in_)
  const broken = await run(() => Effect.die(new Error("bug")), in_)
  expect(outcome(in_)).toEqual([
    ["failed", "UNAVAILABLE"],
    ["failed", "INTERNAL"]
  ])
  expect(broken._tag).toBe("Failure")
})

test("what cannot be recorded does not happen", async () => {
  const in_ = new World()
  in_.operators.refuses.set("RecordOperatorAction", new NotAccepted({ detail: "away" }))
  let happened = false
  const exit = await run(() => {
    happened = true
    return Effect.succeed({ body: {} })
  }, in_)
  expect([happened, exit]).toMatchObject([false, { value: { _tag: "NotAccepted" } }])
})

test("an outcome that cannot be recorded leaves the action interrupted; the asker is answered", async () => {
  const in_ = new World()
  in_.operators.refuses.set("CompleteOperatorAction", new NotAccepted({ detail: "away" }))
  const exit = await run(() => Effect.succeed({ body: {} }), in_)
  expect(exit).toMatchObject({ value: { status: 200 } })
  const [action] = in_.operators.actions.values()
  if (action === undefined) throw new Error("not recorded")
  const shown = (afterMs: number) => actionView(action, action.requested_at + afterMs).outcome
  expect(actionView(action, action.requested_at + 1, action.requested_at + 1).outcome).toBe("interrupted")
  expect([shown(0), shown(29_999), shown(30_000)]).toEqual(["running", "running", "interrupted"])
})

const act = (n: number, over: object = {}) => {
  const id = `01935d6e-7c3a-7b1e-9a44-00000000000${n}`
  const fact = { parameters: "{}", before: "{}", after: null, code: null, detail: null }
  const times = { requested_at: NOW, completed_at: NOW }
  const words = { action: "thing.do", target: "thing-x", reason: "r", actor: "operator:k1", outcome: "applied" }
  world.operators.actions.set(id, { id, tenant: "default", ...fact, ...words, ...times, ...over })
  return id
}
interface Page {
  readonly data: ReadonlyArray<{ readonly id: string }>
  readonly next_cursor: string | null
}
const listed = async (query: string) => (await (await call("GET", `/api/v1/ops/audit${query}`)).json()) as Page
const idsOf = async (query: string) => (await listed(query)).data.map(({ id }) => id)

test("the log is read newest first, by target, actor and action, in pages, each tenant its own", async () => {
  const [one, two, three] = [
    act(1),
    act(2, { actor: "operator:k2" }),
    act(3, { target: "thing-y", action: "thing.undo" })
  ]
  act(4, { tenant: "other" })
  expect(await idsOf("")).toEqual([three, two, one])
  expect(await idsOf("?target=thing-x")).toEqual([two, one])
  expect(await idsOf("?actor=operator:k2")).toEqual([two])
  expect(await idsOf("?action=thing.undo")).toEqual([three])
  const first = await listed("?limit=2")
  expect(first.data.map(({ id }) => id)).toEqual([three, two])
  expect(await idsOf(`?limit=2&cursor=${first.next_cursor}`)).toEqual([one])
  const strange = await call("GET", `/api/v1/ops/audit?target=thing-x&cursor=${first.next_cursor}`)
  expect(strange.status).toBe(400)
})
