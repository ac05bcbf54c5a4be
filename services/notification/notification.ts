/** What the user is told when a payment or a refund has ended: one message each, once. Decides nothing about money. */
import type { Message } from "../../shared/contract/envelope.ts"
import { type Currency, format, type Minor } from "../../shared/contract/money.ts"
import type { Failure } from "../../shared/contract/payment.ts"
import type { NotificationCommand, NotificationEvent } from "../../shared/contract/saga.ts"
import type { Decision } from "../../shared/runtime/decider.ts"

export interface State {
  readonly told: boolean
}
export const initial: State = { told: false }

type Notice = Extract<NotificationCommand, { readonly type: "NotifyUser" }>["data"]

export const decide = (state: State, message: Message, _now: number): Decision<NotificationEvent> => {
  if (message.type !== "NotifyUser") return { events: [] }
  const notice = message.data as Notice
  // The end of the payment is told once; each refund has a command of its own, which comes once.
  if (state.told && notice.refund_id === undefined) return { events: [] }
  const { payment_id, user_id, refund_id } = notice
  const about = { payment_id, user_id, ...(refund_id !== undefined && { refund_id }) }
  return { events: [{ type: "UserNotified", data: { ...about, ...words(notice) } }] }
}

export const evolve = (): State => ({ told: true })

/** In words a user understands: what happened, what it means for the money, what to do next. */
const words = ({
  outcome,
  amount,
  currency,
  failure,
  refund_failure
}: Notice): { readonly title: string; readonly message: string } => {
  const sum = format(amount, currency)
  switch (outcome) {
    case "completed":
      return { title: "Payment completed", message: `Your payment of ${sum} went through.` }
    case "cancelled":
      return { title: "Payment cancelled", message: `Your payment of ${sum} was cancelled. Nothing was charged.` }
    case "refunded":
      return { title: "Refund received", message: `${sum} of your payment went back into your wallet.` }
    case "refund_failed": {
      const why = refund_failure === undefined ? "" : ` (${refund_failure.reason})`
      const message = `A refund of ${sum} was refused${why}. Please ask the merchant for another way.`
      return { title: "Refund failed", message }
    }
    case "failed":
      return {
        title: "Payment failed",
        message: `Your payment of ${sum} did not go through. ${reason(failure, currency)}`
      }
  }
}

const reason = (failure: Failure | undefined, currency: Currency): string => {
  switch (failure?.code) {
    case "INSUFFICIENT_FUNDS":
    case "INSUFFICIENT_FUNDS_CONCURRENT":
      return lack(failure, currency)
    case "PAYMENT_DECLINED":
      return "It was declined; the money is back in your wallet. Please try another way to pay."
    case "WALLET_LOCKED":
      return "Your wallet is locked. Please contact support."
    case "PAYMENT_STOPPED":
      return "It was stopped by our staff; the money is back in your wallet. Please contact support."
    case "LIMIT_EXCEEDED":
      return `It is over a limit: ${failure.reason}.`
    default:
      return "The money is back in your wallet. Please try again later."
  }
}

const lack = ({ available_balance, deficit_amount, code }: Failure, currency: Currency): string => {
  const other = code === "INSUFFICIENT_FUNDS_CONCURRENT" ? " because another payment was made at the same time" : ""
  const has = amountOf(available_balance, currency)
  return `Your balance is ${has}${other}. Please top up at least ${amountOf(deficit_amount, currency)} and try again.`
}

const amountOf = (amount: Minor | undefined, currency: Currency): string => format(amount ?? 0n, currency)
