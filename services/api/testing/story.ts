/** The story of one completed payment, as the journal holds it: every event within one millisecond, ids in disorder. */
import { EXAMPLE } from "../../../shared/contract/catalogue.ts"
import { describe } from "../../../shared/contract/messages.ts"
import { uuidv5 } from "../../../shared/runtime/ids.ts"
import type { EventRecord } from "../records.ts"

export const PAYMENT = EXAMPLE.payment

export const commandOf = (name: string): string => uuidv5(`saga-${PAYMENT}`, name)
const idOf = (n: number): string => uuidv5("story", String(n))

const STEPS = ["ValidatePayment", "CheckWalletBalance", "DeductWalletBalance", "ProcessWithGateway", "ConfirmPayment"]
const answer = (n: number): string => idOf(n)

/** Stream, version, type, cause; in the order in which it reads. */
const TOLD: ReadonlyArray<readonly [string, number, string, string, object?]> = [
  [`payment-${PAYMENT}`, 1, "PaymentInitiated", PAYMENT],
  [`saga-${PAYMENT}`, 1, "SagaStarted", answer(0)],
  [`payment-${PAYMENT}`, 2, "PaymentValidated", commandOf("ValidatePayment")],
  [`saga-${PAYMENT}`, 2, "SagaStepCompleted", answer(2), { step: STEPS[0] }],
  [`wallet-${EXAMPLE.wallet}`, 8, "WalletBalanceChecked", commandOf("CheckWalletBalance")],
  [`saga-${PAYMENT}`, 3, "SagaStepCompleted", answer(4), { step: STEPS[1] }],
  [`wallet-${EXAMPLE.wallet}`, 10, "WalletDeducted", commandOf("DeductWalletBalance")],
  [`saga-${PAYMENT}`, 4, "SagaStepCompleted", answer(6), { step: STEPS[2] }],
  [`gateway-${PAYMENT}`, 1, "GatewayRequestSent", commandOf("ProcessWithGateway")],
  [`gateway-${PAYMENT}`, 2, "GatewayResponseReceived", EXAMPLE.other],
  [`saga-${PAYMENT}`, 5, "SagaStepCompleted", answer(9), { step: STEPS[3] }],
  [`payment-${PAYMENT}`, 3, "PaymentCompleted", commandOf("ConfirmPayment")],
  [`saga-${PAYMENT}`, 6, "SagaStepCompleted", answer(11), { step: STEPS[4] }],
  [`saga-${PAYMENT}`, 7, "SagaCompleted", answer(11)],
  [`notification-${PAYMENT}`, 1, "UserNotified", commandOf("NotifyUser")]
]

export const storedEvent = (
  [stream, version, type, cause, data]: (typeof TOLD)[number],
  id: string,
  time: string = EXAMPLE.time
): EventRecord => {
  const envelope = { time, partitionkey: "default/ana", correlationid: PAYMENT, actor: "key:test", schema: 1 }
  const body = JSON.stringify({ ...envelope, data: { ...(describe(type)?.example as object), ...data } })
  return { id, stream, version, type, cause, body }
}

export const story: ReadonlyArray<EventRecord> = TOLD.map((told, n) => storedEvent(told, idOf(n)))
/** Another payment of the same wallet. */
export const stranger = storedEvent([`wallet-${EXAMPLE.wallet}`, 9, "WalletDeducted", EXAMPLE.other], idOf(99))
