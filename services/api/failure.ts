/** Why a payment failed, in facts for programs and in a sentence for people. */
import { ERRORS, type ErrorCode } from "../../shared/contract/errors.ts"
import { type Currency, deficit, format, isCurrency, minor } from "../../shared/contract/money.ts"
import type { Details } from "./problem.ts"
import type { PaymentRecord } from "./records.ts"

export const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(ERRORS, code)

export interface FailureView {
  readonly stage: string
  readonly code: string
  readonly message: string
  readonly details: Details
}

const MONEY = ["requested_amount", "available_balance", "deficit_amount"] as const

type Failed = Pick<PaymentRecord, "id" | "failure" | "currency" | "amount">

/** Amounts are stored as decimal strings and answered as JSON integers. */
export const failureView = (payment: Failed): FailureView => {
  const stored = JSON.parse(payment.failure ?? "{}") as Readonly<Record<string, string | undefined>>
  const { code = "INTERNAL", stage = "SAGA", reason = "", ...facts } = stored
  const details: Record<string, unknown> = { payment_id: payment.id, currency: payment.currency }
  for (const [name, value] of Object.entries(facts)) details[name] = value
  for (const name of MONEY) if (details[name] !== undefined) details[name] = BigInt(String(details[name]))
  if (isLackOfFunds(code)) complete(details, payment.amount)
  return { stage, code, message: isErrorCode(code) ? sentence(code, details, reason) : reason, details }
}

export const isLackOfFunds = (code: string): boolean =>
  code === "INSUFFICIENT_FUNDS" || code === "INSUFFICIENT_FUNDS_CONCURRENT"

/** Clients count on all three figures, so what the event left out is worked out from the others. */
const complete = (details: Record<string, unknown>, amount: bigint): void => {
  details["requested_amount"] ??= amount
  const available = details["available_balance"]
  if (typeof available === "bigint") details["deficit_amount"] ??= deficit(minor(amount), minor(available))
}

/** `error.message`: for people. Lack of funds names the balance and suggests the top-up (MISSION 10, scenario 2). */
export const sentence = (code: ErrorCode, details: Details, reason = ""): string => {
  if (isLackOfFunds(code)) return lackOfFunds(details)
  const { title, whatToDo } = ERRORS[code]
  const known = reason === "" || reason.toLowerCase() === title.toLowerCase()
  return `${known ? title : `${title}: ${reason.replace(/\.$/, "")}`}. ${whatToDo}`
}

const lackOfFunds = (details: Details): string => {
  const text = (name: (typeof MONEY)[number]): string => {
    const value = details[name]
    return typeof value === "bigint" ? inCurrency(value, String(details["currency"])) : "less than needed"
  }
  const other = details["concurrent_payment_id"]
  const why = other === undefined ? "" : `Payment ${String(other)} took the funds first. `
  const [what, again] = details["payment_id"] === undefined ? ["request", "try"] : ["payment", "pay"]
  const holds = `Your wallet balance is ${text("available_balance")} and the ${what} needs ${text("requested_amount")}.`
  return `${why}${holds} Please top up at least ${text("deficit_amount")} and ${again} again with a new key.`
}

const inCurrency = (value: bigint, code: string): string =>
  isCurrency(code) ? format(value, code satisfies Currency) : `${value} ${code}`
