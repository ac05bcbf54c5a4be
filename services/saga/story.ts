/**
 * The whole payment on one screen: what is sent, which answers end the step, what follows, and what undoes it.
 * Compensation runs the same table from the current step upwards. Only the saga knows this order.
 */
import type { GatewayEvent } from "../../shared/contract/gateway.ts"
import type { Currency, Minor } from "../../shared/contract/money.ts"
import type { Failure, PaymentEvent } from "../../shared/contract/payment.ts"
import type { Step } from "../../shared/contract/saga.ts"
import type { WalletEvent } from "../../shared/contract/wallet.ts"
import type { Progress } from "../../shared/runtime/progress.ts"
import { done, failed, gatewayFailure, heard, lackOfFunds, waiting } from "./answers.ts"
import { type Send, toGateway, toPayment, toWallet } from "./send.ts"

/** What the saga knows of its payment. */
export interface Order {
  readonly payment_id: string
  readonly wallet_id: string
  readonly user_id: string
  readonly merchant_id: string
  readonly amount: Minor
  readonly currency: Currency
  readonly initiated_at: number
  readonly deadline: number
}

/** What earlier steps have brought to light. */
export interface Known {
  readonly deducted: boolean
  readonly provider?: string | undefined
  readonly provider_reference?: string | undefined
}

type Heard = PaymentEvent | WalletEvent | GatewayEvent
export type Answer =
  | { readonly _tag: "Done"; readonly provider?: string; readonly provider_reference?: string }
  | { readonly _tag: "Failed"; readonly failure: Failure }
  | { readonly _tag: "Heard"; readonly status: "PROCESSING" | "AWAITING_GATEWAY"; readonly reason: string }

export interface Chapter {
  readonly send: (order: Order, known: Known) => Send
  readonly answers: { readonly [E in Heard as E["type"]]?: (data: E["data"]) => Answer | undefined }
  readonly next: Step | undefined
  /** What the payment shows once the step is done. */
  readonly shows?: Progress
  /** Time is up: `continue` sends the command again (it is applied once), `verify` only asks. */
  readonly late: "continue" | "verify"
  readonly undo?: {
    readonly send: (order: Order, known: Known) => Send
    readonly undone: ReadonlyArray<Heard["type"]>
  }
}

export const story: { readonly [S in Step]: Chapter } = {
  ValidatePayment: {
    send: ({ payment_id }) => toPayment(payment_id, { type: "ValidatePayment", data: { payment_id } }),
    answers: { PaymentValidated: done, PaymentRejected: ({ failure }) => failed(failure) },
    late: "continue",
    next: "CheckWalletBalance"
  },
  CheckWalletBalance: {
    send: (order) => toWallet(order.wallet_id, { type: "CheckWalletBalance", data: funds(order) }),
    answers: {
      WalletBalanceChecked: (it) => (it.sufficient_funds ? done() : failed(lackOfFunds(it, "WALLET_VALIDATION")))
    },
    shows: "WALLET_CHECKED",
    late: "continue",
    next: "DeductWalletBalance"
  },
  DeductWalletBalance: {
    send: (order) => toWallet(order.wallet_id, { type: "DeductWalletBalance", data: funds(order) }),
    answers: { WalletDeducted: done, WalletDeductionFailed: (it) => failed(lackOfFunds(it, "WALLET_DEDUCTION")) },
    shows: "WALLET_DEDUCTED",
    late: "continue",
    next: "ProcessWithGateway",
    undo: {
      send: (order, { deducted }) =>
        toWallet(order.wallet_id, { type: "RefundWalletBalance", data: refund(order, deducted) }),
      undone: ["WalletRefunded", "WalletDeductionVoided"]
    }
  },
  ProcessWithGateway: {
    send: (order) => toGateway(order.payment_id, { type: "ProcessWithGateway", data: charge(order) }),
    answers: {
      GatewayResponseReceived: (it) => (it.outcome === "succeeded" ? done(it) : heard(it.outcome)),
      GatewayPaymentFailed: (it) => failed(gatewayFailure(it)),
      GatewayTimeoutOccurred: () => waiting("provider_outcome_unknown"),
      GatewayQueued: () => waiting("provider_unavailable"),
      GatewayCloseRefused: () => waiting("provider_outcome_unknown"),
      GatewayFallbackTriggered: (it) => heard(`fallback to ${it.fallback_provider}`)
    },
    late: "verify",
    next: "ConfirmPayment",
    undo: {
      send: ({ payment_id }) =>
        toGateway(payment_id, { type: "CloseGateway", data: { payment_id, reason: "the saga gives up" } }),
      undone: ["GatewayClosed"]
    }
  },
  ConfirmPayment: {
    send: ({ payment_id }, known) =>
      toPayment(payment_id, { type: "ConfirmPayment", data: { payment_id, ...charged(known) } }),
    answers: { PaymentCompleted: done },
    late: "continue",
    next: undefined
  }
}

const funds = ({ wallet_id, payment_id, amount, currency, initiated_at }: Order) => ({
  wallet_id,
  payment_id,
  amount,
  currency,
  initiated_at
})
const refund = ({ wallet_id, payment_id, amount, currency }: Order, deducted: boolean) => ({
  wallet_id,
  payment_id,
  amount,
  currency,
  deducted
})
const charge = ({ payment_id, amount, currency, merchant_id, deadline }: Order) => ({
  payment_id,
  amount,
  currency,
  merchant_id,
  deadline
})
const charged = ({ provider = "", provider_reference = "" }: Known) => ({ provider, provider_reference })

/** The end as the payment shows it: FAILED or CANCELLED only after everything above is undone. */
export const mark = ({ payment_id }: Order, failure: Failure): Send =>
  failure.code === "PAYMENT_CANCELLED"
    ? toPayment(payment_id, { type: "MarkPaymentAsCancelled", data: { payment_id, reason: failure.reason } })
    : toPayment(payment_id, { type: "MarkPaymentAsFailed", data: { payment_id, failure } })

/** Asks the gateway for the truth; it decides nothing and is never counted. */
export const verify = ({ payment_id }: Order, reason: string): Send =>
  toGateway(payment_id, { type: "VerifyWithGateway", data: { payment_id, reason } })
