/**
 * A refund on one screen. The reversible step came first: the payment set the merchant's money aside before the story
 * begins. Then the irreversible one, the provider; the wallet is credited only after the provider has said that it is
 * done. Where the provider refuses for good, what was set aside is released; nothing else has to be undone.
 */
import type { GatewayEvent } from "../../shared/contract/gateway.ts"
import type { Currency, Minor } from "../../shared/contract/money.ts"
import type { PaymentEvent } from "../../shared/contract/payment.ts"
import type { RefundFailure, RefundStep } from "../../shared/contract/refund.ts"
import type { WalletEvent } from "../../shared/contract/wallet.ts"
import { type Send, toGateway, toPayment, toWallet } from "./send.ts"

export interface RefundOrder {
  readonly payment_id: string
  readonly refund_id: string
  readonly wallet_id: string
  readonly user_id: string
  readonly amount: Minor
  readonly currency: Currency
}

/** What the provider's step has brought to light. */
export interface RefundKnown {
  readonly provider_reference?: string | undefined
}

type Heard = PaymentEvent | WalletEvent | GatewayEvent
export type RefundAnswer =
  | { readonly _tag: "Done"; readonly provider_reference?: string }
  | { readonly _tag: "Failed"; readonly failure: RefundFailure }
  /** Not the end, and the one who said it goes on asking by itself. */
  | { readonly _tag: "Waits"; readonly reason: string }

export interface RefundChapter {
  readonly send: (order: RefundOrder, known: RefundKnown) => Send
  readonly answers: { readonly [E in Heard as E["type"]]?: (data: E["data"]) => RefundAnswer }
  readonly next: RefundStep | undefined
  /** Time is up: `continue` sends the command again (it is applied once), `verify` only asks. */
  readonly late: "continue" | "verify"
}

const done = (): RefundAnswer => ({ _tag: "Done" })
const waits = (reason: string): RefundAnswer => ({ _tag: "Waits", reason })

export const refundStory: { readonly [S in RefundStep]: RefundChapter } = {
  RefundWithGateway: {
    send: ({ payment_id, refund_id, amount, currency }) =>
      toGateway(payment_id, { type: "RefundWithGateway", data: { payment_id, refund_id, amount, currency } }),
    answers: {
      GatewayRefunded: ({ provider_reference }) => ({ _tag: "Done", provider_reference }),
      GatewayRefundRefused: ({ code, reason }) => ({ _tag: "Failed", failure: { code, reason } }),
      GatewayRefundPending: () => waits("refund_pending"),
      GatewayRefundUnknown: () => waits("provider_outcome_unknown")
    },
    late: "verify",
    next: "CreditRefund"
  },
  CreditRefund: {
    send: ({ wallet_id, payment_id, refund_id, amount, currency }) =>
      toWallet(wallet_id, { type: "CreditRefund", data: { wallet_id, payment_id, refund_id, amount, currency } }),
    answers: { WalletRefundReceived: done },
    late: "continue",
    next: "ConfirmRefund"
  },
  ConfirmRefund: {
    send: ({ payment_id, refund_id }, { provider_reference = "" }) =>
      toPayment(payment_id, { type: "ConfirmRefund", data: { payment_id, refund_id, provider_reference } }),
    answers: { PaymentRefunded: done },
    late: "continue",
    next: undefined
  }
}

/** The only undoing there is, and the event that says it is done. */
export const release = ({ payment_id, refund_id }: RefundOrder, failure: RefundFailure): Send =>
  toPayment(payment_id, { type: "MarkRefundAsFailed", data: { payment_id, refund_id, failure } })
export const RELEASED = "RefundFailed" satisfies Heard["type"]

/** Asks the gateway for the truth; it decides nothing and is never counted. */
export const verifyRefund = ({ payment_id, refund_id }: RefundOrder, reason: string): Send =>
  toGateway(payment_id, { type: "VerifyRefund", data: { payment_id, refund_id, reason } })
