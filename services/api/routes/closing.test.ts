/** An operator's compensation waits for what the gateway answers to it, and not to an earlier one. */
import { afterAll, beforeEach, expect, test } from "bun:test"
import { encodeEvent } from "../../../shared/contract/codec.ts"
import type { Message } from "../../../shared/contract/envelope.ts"
import { uuidv5 } from "../../../shared/runtime/ids.ts"
import { PAYMENT } from "../testing/story.ts"
import { startApi, World } from "../testing/world.ts"

const world = new World()
const { call, stop } = await startApi(world)
afterAll(stop)

const gatewaySays = (version: number, type: "GatewayClosed" | "GatewayCloseRefused") => {
  const stream = `gateway-${PAYMENT}`
  const data = { payment_id: PAYMENT, ...(type === "GatewayCloseRefused" && { reason: "attempt 1 is unknown" }) }
  const of = { id: uuidv5(stream, String(version)), type, subject: stream, causationid: stream, schema: 1, data }
  const message = { ...of, time: 0, tenant: "default", partitionkey: "default/ana", correlationid: PAYMENT, actor: "a" }
  world.events.push({ id: of.id, stream, version, type, cause: stream, body: encodeEvent(message) })
}
const asked = (message: Message): ReadonlyArray<Message> => [
  { ...message, type: "SagaRecoveryAttempted", data: { action: "close" } }
]
const compensate = () =>
  call("POST", `/api/v1/ops/sagas/${PAYMENT}/compensate`, {
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ reason: "the customer asked" })
  })

beforeEach(() => {
  world.events.length = 0
  world.addPayment({ id: PAYMENT, status: "FAILED" })
  world.operators.addSaga({ id: PAYMENT, status: "AWAITING_GATEWAY" })
  world.operators.follows = () => []
})

test("a no, although it had said yes before: 409 with the reason", async () => {
  gatewaySays(3, "GatewayClosed")
  world.operators.follows = (message) => {
    gatewaySays(4, "GatewayCloseRefused")
    return asked(message)
  }
  const answer = await compensate()
  expect(answer.status).toBe(409)
  expect(await answer.json()).toMatchObject({
    detail: expect.stringContaining("attempt 1 is unknown"),
    error: { code: "SAGA_NOT_COMPENSATABLE", details: { closing: true, payment_id: PAYMENT } }
  })
})

test("a yes, although it had said no before", async () => {
  gatewaySays(3, "GatewayCloseRefused")
  world.operators.follows = (message) => {
    gatewaySays(4, "GatewayClosed")
    return asked(message)
  }
  expect((await compensate()).status).toBe(200)
})

test("nothing at a provider: the gateway is not waited for, whatever it had said", async () => {
  gatewaySays(3, "GatewayCloseRefused")
  expect((await compensate()).status).toBe(200)
})

test("what the saga refuses is answered with its reason, and recorded", async () => {
  world.operators.refusal = { code: "SAGA_NOT_COMPENSATABLE", reason: "only the confirmation is left", details: {} }
  const answer = await compensate()
  world.operators.refusal = undefined
  expect([answer.status, ((await answer.json()) as { detail: string }).detail]).toEqual([
    409,
    "only the confirmation is left"
  ])
  const actions = [...world.operators.actions.values()].map(({ action, outcome, code }) => [action, outcome, code])
  expect(actions.at(-1)).toEqual(["saga.compensate", "refused", "SAGA_NOT_COMPENSATABLE"])
})
