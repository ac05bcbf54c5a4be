/** Why something happened to a payment, in words for people: from the event's own facts, or else what it stands for. */
import { describe } from "../../shared/contract/messages.ts"

type Facts = Readonly<Record<string, unknown>>
type Words = (data: Facts) => string | undefined

export const why = (type: string, data: Facts): { readonly why?: string } => {
  const own = Object.hasOwn(WORDS, type) ? WORDS[type]?.(data) : undefined
  const words = own ?? describe(type)?.trigger
  return words === undefined ? {} : { why: words }
}

const text = (data: Facts, name: string): string => {
  const value = data[name]
  return value === undefined || value === null ? "" : String(value)
}
const said = (data: Facts, name: string): string | undefined => text(data, name) || undefined
const reason: Words = (data) => said(data, "reason")
const failure: Words = (data) => said((data["failure"] ?? {}) as Facts, "reason")

/** What a provider's answer means for the money (the contract's Outcome). */
const OUTCOMES: Readonly<Record<string, string>> = {
  succeeded: "the money is taken",
  late_success: "the money was taken although nobody wants it any more: it is given back",
  declined: "declined, nothing is taken",
  rejected: "the provider refused the request itself, nothing is taken",
  not_sent: "nothing was sent, so nothing is taken",
  not_executed: "it was not executed, nothing is taken",
  pending: "the provider will tell later",
  unknown: "it is not known whether the money was taken",
  not_charged: "nothing is taken yet",
  fenced: "the attempt can never take money any more",
  reversed: "the unwanted charge went back"
}

const answered: Words = (data) => {
  const means = OUTCOMES[text(data, "outcome")]
  const told = said(data, "message") ?? said(data, "code")
  const evidence = said(data, "evidence")
  if (evidence !== undefined) return means && `an operator's word: ${means} (${evidence}; ${told})`
  return means && `${text(data, "provider")}: ${means}${told === undefined ? "" : ` (${told})`}`
}

const FUNDS: Readonly<Record<string, string>> = {
  INSUFFICIENT_FUNDS: "the wallet holds less than the payment needs",
  INSUFFICIENT_FUNDS_CONCURRENT: "another payment took the funds first",
  WALLET_LOCKED: "the wallet is locked",
  WALLET_NOT_FOUND: "there is no such wallet",
  CURRENCY_MISMATCH: "the wallet keeps another currency"
}
const funds: Words = (data) => FUNDS[text(data, "code")]

const ACTIONS: Readonly<Record<string, string>> = {
  continue: "the step's command is sent again",
  compensate: "the step's undoing is sent again",
  verify: "the provider is asked what became of the charge",
  close: "the gateway is asked to start nothing more"
}
const CAUSES: Readonly<Record<string, string>> = {
  step_timeout: "no answer in the step's time",
  saga_timeout: "the payment's time is up",
  restart: "the process started anew",
  operator: "an operator asked for it"
}
/** After a restart only the provider has to be asked: everything else that was sent is in the log. */
const ONWARD: Readonly<Record<string, string>> = {
  continue: "the payment goes on where its log stood",
  compensate: "the undoing goes on where its log stood"
}
const recovered: Words = (data) => {
  const cause = CAUSES[text(data, "reason")]
  const onward = text(data, "reason") === "restart" ? ONWARD[text(data, "action")] : undefined
  if (onward !== undefined) return `${cause}: ${onward}`
  return cause && `${cause}: ${ACTIONS[text(data, "action")] ?? text(data, "action")}`
}

const HEARD: Readonly<Record<string, string>> = {
  provider_outcome_unknown: "it is not known whether the provider took the money: nothing else is tried meanwhile",
  providers_unavailable: "no provider can be asked now: the payment waits",
  provider_unavailable: "the provider cannot work now: what it did is looked for before anybody else is asked",
  pending: "the provider will tell later",
  refund_pending: "the provider has taken the refund on: nothing is credited before it is done"
}

/** What each step has brought, and what comes next. */
const STEPS: Readonly<Record<string, string>> = {
  ValidatePayment: "the payment keeps all limits: the wallet is asked for its balance",
  CheckWalletBalance: "the wallet has the money: it is taken out",
  DeductWalletBalance: "the money has left the wallet: a provider is asked to charge",
  ProcessWithGateway: "the provider has charged: the payment is confirmed",
  ConfirmPayment: "the payment is confirmed: nothing is left to do",
  RefundWithGateway: "the provider has given the money back: the wallet is credited",
  CreditRefund: "the wallet has the money: the refund is confirmed",
  ConfirmRefund: "the refund is confirmed: nothing is left to do"
}

const WORDS: Readonly<Record<string, Words>> = {
  PaymentCancelRequested: reason,
  PaymentRejected: failure,
  PaymentFailed: failure,
  PaymentCancelled: reason,
  WalletBalanceChecked: (data) => (data["sufficient_funds"] === true ? "the money is there" : funds(data)),
  WalletDeductionFailed: funds,
  GatewayRequestSent: reason,
  GatewayResponseReceived: answered,
  GatewayTimeoutOccurred: (data) =>
    `${text(data, "provider")} gave no usable answer (${text(data, "reason")}): ${OUTCOMES["unknown"]}`,
  GatewayWebhookReceived: (data) => `${text(data, "provider")} called back: ${text(data, "event_type")}`,
  GatewayFallbackTriggered: (data) => {
    const [other, first] = [text(data, "fallback_provider"), text(data, "primary_provider")]
    return `${other} instead of ${first}: ${text(data, "primary_failure_reason")}`
  },
  GatewayQueued: reason,
  GatewayPaymentFailed: reason,
  GatewayCloseRefused: reason,
  SagaStepFailed: failure,
  SagaRecoveryAttempted: recovered,
  SagaStepCompleted: (data) => STEPS[text(data, "step")],
  SagaGatewayHeard: (data) => HEARD[text(data, "reason")] ?? OUTCOMES[text(data, "reason")] ?? reason(data),
  SagaFailed: failure,
  SagaParked: reason,
  CompensationStarted: failure,
  RefundRequested: reason,
  RefundFailed: failure,
  GatewayRefundSent: reason,
  GatewayRefundUnknown: (data) =>
    `${text(data, "provider")} gave no usable answer (${text(data, "reason")}): it is asked again under the same key`,
  GatewayRefundRefused: reason,
  GatewayRefundReviewRequired: reason,
  SagaRefundStepCompleted: (data) => STEPS[text(data, "step")],
  SagaRefundStepFailed: failure,
  SagaRefundWaits: (data) => HEARD[text(data, "reason")],
  SagaRefundRecoveryAttempted: recovered,
  SagaRefundFailed: failure,
  SagaRefundParked: reason,
  UserNotified: (data) => said(data, "message")
}
