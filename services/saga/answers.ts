/** The vocabulary of the story: what an event means for the step that waits for it. */
import type { GatewayEvent } from "../../shared/contract/gateway.ts"
import { format } from "../../shared/contract/money.ts"
import type { Failure, FailureStage } from "../../shared/contract/payment.ts"
import type { WalletEvent } from "../../shared/contract/wallet.ts"
import type { Answer } from "./story.ts"

type Data<E extends { readonly type: string; readonly data: unknown }, T extends E["type"]> = Extract<
  E,
  { readonly type: T }
>["data"]

export const done = (charge?: object): Answer => {
  const { provider, provider_reference } = { ...charge } as { provider?: string; provider_reference?: string }
  return {
    _tag: "Done",
    ...(provider === undefined ? {} : { provider }),
    ...(provider_reference === undefined ? {} : { provider_reference })
  }
}
export const failed = (failure: Failure): Answer => ({ _tag: "Failed", failure })
export const heard = (reason: string): Answer => ({ _tag: "Heard", status: "PROCESSING", reason })
export const waiting = (reason: string): Answer => ({ _tag: "Heard", status: "AWAITING_GATEWAY", reason })

export const lackOfFunds = (
  refused: Data<WalletEvent, "WalletBalanceChecked"> | Data<WalletEvent, "WalletDeductionFailed">,
  stage: FailureStage
): Failure => {
  const { code = "INSUFFICIENT_FUNDS", requested_amount, available_balance, deficit_amount, currency } = refused
  const amounts = { requested_amount, available_balance, deficit_amount }
  const winner = refused.concurrent_payment_id
  const [has, needs] = [format(available_balance, currency), format(requested_amount, currency)]
  const holds = `the wallet holds ${has}, the payment needs ${needs}`
  switch (code) {
    case "INSUFFICIENT_FUNDS":
      return { code, stage, reason: holds, ...amounts }
    case "INSUFFICIENT_FUNDS_CONCURRENT":
      return { code, stage, reason: `${holds}: another payment took the funds first`, ...amounts, ...named(winner) }
    case "WALLET_LOCKED":
      return { code, stage, reason: "the wallet is locked" }
    case "WALLET_NOT_FOUND":
      return { code, stage, reason: "no such wallet" }
    case "CURRENCY_MISMATCH":
      return { code, stage, reason: `the wallet does not keep ${currency}` }
  }
}

const named = (concurrent_payment_id: string | undefined) =>
  concurrent_payment_id === undefined ? {} : { concurrent_payment_id }

export const gatewayFailure = ({
  code,
  reason,
  provider,
  provider_code
}: Data<GatewayEvent, "GatewayPaymentFailed">): Failure => ({
  code,
  stage: "GATEWAY_PROCESSING",
  reason,
  ...(provider === undefined ? {} : { provider }),
  ...(provider_code === undefined ? {} : { provider_code })
})
