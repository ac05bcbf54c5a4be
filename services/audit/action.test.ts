import { expect, test } from "bun:test"
import type { AuditEvent } from "../../shared/contract/audit.ts"
import type { Message } from "../../shared/contract/envelope.ts"
import { decide, evolve, initial, type State } from "./action.ts"
import { project } from "./projections.ts"

const requested = {
  action_id: "a",
  action: "saga.resume",
  target: "saga-p",
  reason: "the database is back",
  actor: "operator:k1",
  parameters: {},
  before: { parked: true }
}
const record = { type: "RecordOperatorAction", data: requested }
const complete = (outcome: "applied" | "refused" | "failed", more: object = {}) => ({
  type: "CompleteOperatorAction",
  data: { action_id: "a", outcome, ...more }
})

const message = (fact: Fact): Message => ({
  ...fact,
  id: "m",
  subject: "action-a",
  time: 5,
  tenant: "t",
  partitionkey: "t/",
  correlationid: "a",
  causationid: "m",
  actor: "operator:k1",
  schema: 1
})

interface Fact {
  readonly type: string
  readonly data: object
}

/** The state after these commands, and the types of the events they led to. */
const played = (...facts: ReadonlyArray<Fact>) => {
  let state: State = initial
  const said: Array<string> = []
  for (const fact of facts)
    for (const event of decide(state, message(fact), 5).events ?? []) {
      said.push(event.type)
      state = evolve(state, { ...event, id: "e", time: said.length, version: said.length })
    }
  return { state, said }
}

const REQUESTED = "OperatorActionRequested"
const COMPLETED = "OperatorActionCompleted"
const cases: ReadonlyArray<readonly [string, ReadonlyArray<Fact>, ReadonlyArray<string>]> = [
  ["a request and its outcome", [record, complete("applied")], [REQUESTED, COMPLETED]],
  ["a request alone", [record], [REQUESTED]],
  ["a request twice", [record, record], [REQUESTED]],
  ["the first outcome stands", [record, complete("refused"), complete("applied")], [REQUESTED, COMPLETED]],
  ["an outcome of nothing", [complete("applied")], []]
]
test.each(cases)("%s", (_, facts, said) => expect(played(...facts).said).toEqual([...said]))

test("the row holds who, what, why, before and after", () => {
  const { state } = played(record, complete("refused", { code: "SAGA_NOT_PARKED", after: { parked: false } }))
  const [projected] = project(state, {} as never as Parameters<typeof project>[1], message(record))
  expect(projected?.row).toEqual({
    id: "a",
    tenant: "t",
    action: "saga.resume",
    target: "saga-p",
    reason: "the database is back",
    actor: "operator:k1",
    parameters: "{}",
    before: '{"parked":true}',
    outcome: "refused",
    code: "SAGA_NOT_PARKED",
    detail: null,
    after: '{"parked":false}',
    traceparent: null,
    requested_at: 1,
    completed_at: 2
  })
})

test("without its outcome the row has none: the action was interrupted", () => {
  const { state } = played(record)
  const event = { type: "OperatorActionRequested", data: requested } as AuditEvent
  const [projected] = project(state, { ...event, id: "e", time: 1, version: 1 }, message(record))
  expect(projected?.row).toMatchObject({ outcome: null, after: null, completed_at: null })
})
