/** Bugs of the saga: it takes an unknown for a no, undoes too early, too little or not at all, or loses its place. */
import type { Mutate } from "../world.ts"
import { commands, type Data, dataOf, event, events, type Facts, instead, wakes, withoutCommand } from "./change.ts"

type Saga = Data & { readonly order: { readonly payment_id: string }; readonly step: string; readonly status: string }
const DEDUCTED = ["DeductWalletBalance"]

const undone = ({ order }: Saga): Facts => [
  {
    type: "CompensationStarted",
    data: {
      payment_id: order.payment_id,
      failure: { code: "PAYMENT_TIMED_OUT", stage: "SAGA", reason: "a deliberate bug" },
      undo: DEDUCTED
    }
  }
]

const asking = (state: Data | undefined): Saga | undefined => {
  const saga = state as Saga | undefined
  return saga?.step === "ProcessWithGateway" && (saga.status === "PROCESSING" || saga.status === "AWAITING_GATEWAY")
    ? saga
    : undefined
}

const recovering = (action: string, reasons: ReadonlyArray<string>): Mutate =>
  events("saga", (all, state) => {
    const saga = asking(state)
    const hit = all.some(
      ({ type, data }) =>
        type === "SagaRecoveryAttempted" &&
        (data as Data)["action"] === action &&
        reasons.includes(String((data as Data)["reason"]))
    )
    return hit && saga !== undefined ? undone(saga) : all
  })

export const SAGA: Readonly<Record<string, Mutate>> = {
  "saga: a step's timeout compensates instead of asking": recovering("verify", ["step_timeout"]),
  "saga: a restart compensates instead of asking": recovering("verify", ["restart"]),
  "saga: the saga's timeout compensates without closing first": recovering("close", ["saga_timeout"]),
  "saga: an operator's word compensates without closing first": recovering("close", ["operator"]),
  "saga: a step that is asked about is sent as failed": instead("saga", "GatewayTimeoutOccurred", (state) => {
    const saga = asking(state)
    return saga && undone(saga)
  }),
  "saga: a refused close is taken for a close": instead("saga", "GatewayCloseRefused", (state) => {
    const saga = asking(state)
    return saga && undone(saga)
  }),
  "saga: a cancellation is accepted after the provider was asked": instead(
    "saga",
    "PaymentCancelRequested",
    (state) => {
      const saga = asking(state)
      return saga && undone(saga)
    }
  ),
  "saga: an unknown outcome is taken for a success": instead(
    "saga",
    "GatewayTimeoutOccurred",
    (state, { provider }) => {
      const saga = asking(state)
      const charge = { provider, provider_reference: "guessed" }
      return (
        saga && [{ type: "SagaStepCompleted", data: { payment_id: saga.order.payment_id, step: saga.step, ...charge } }]
      )
    }
  ),
  "saga: compensation undoes nothing": event("saga", "CompensationStarted", (data) => ({ ...data, undo: [] })),
  "saga: a deduction without an answer is not undone": event("saga", "CompensationStarted", (data, state) =>
    state?.["deducted"] === true ? data : { ...data, undo: [] }
  ),
  "saga: the payment is marked before its money is back": commands("saga", (all, { type, data }) => {
    if (type !== "CompensationStarted") return all
    const { payment_id, failure } = data as Data
    const command = { type: "MarkPaymentAsFailed", data: { payment_id, failure } }
    return [{ topic: "payment-commands", subject: `payment-${payment_id}`, command, name: "mark" }, ...all]
  }),
  "saga: the payment is not marked as failed": withoutCommand("saga", "MarkPaymentAsFailed"),
  "saga: the confirmation is not sent": withoutCommand("saga", "ConfirmPayment"),
  "saga: the refund of the wallet is not sent": withoutCommand("saga", "RefundWalletBalance"),
  "saga: the charge is not sent": withoutCommand("saga", "ProcessWithGateway"),
  "saga: the provider is never asked": withoutCommand("saga", "VerifyWithGateway"),
  "saga: its timers are lost": wakes("saga", () => undefined),
  "saga: a success is not heard": instead("saga", "GatewayResponseReceived", (_, { outcome }) =>
    outcome === "succeeded" ? [] : undefined
  ),
  "saga: it remembers another provider": event("saga", "SagaStepCompleted", (data) =>
    data["provider"] === undefined ? data : { ...data, provider: "stripe" }
  ),
  "saga: a late answer after the deduction was undone goes on": events("saga", (all, _, { type, ...message }) => {
    const { payment_id } = dataOf({ type, ...message })
    return type === "WalletRefunded" ? [{ type: "SagaCompleted", data: { payment_id } }] : all
  }),
  "refund: credited before its provider did it": commands("saga", (all, { type, data }) => {
    if (type !== "SagaRefundStarted") return all
    const { payment_id, refund_id, wallet_id, amount, currency } = data as Data
    const command = { type: "CreditRefund", data: { payment_id, refund_id, wallet_id, amount, currency } }
    return [
      ...all,
      { topic: "wallet-commands", subject: `wallet-${wallet_id}`, command, name: `${refund_id}/CreditRefund` }
    ]
  }),
  "refund: a refusal is taken for a success": instead(
    "saga",
    "GatewayRefundRefused",
    (_, { payment_id, refund_id }) => [
      {
        type: "SagaRefundStepCompleted",
        data: { payment_id, refund_id, step: "RefundWithGateway", provider_reference: "re" }
      }
    ]
  ),
  "refund: what was set aside is not released": withoutCommand("saga", "MarkRefundAsFailed"),
  "refund: its credit is not sent": withoutCommand("saga", "CreditRefund"),
  "refund: its confirmation is not sent": withoutCommand("saga", "ConfirmRefund")
}
