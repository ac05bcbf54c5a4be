/** What must happen sometimes: a run that never meets these proves nothing. Each is counted once a world. */
import { CRASH_POINTS } from "../../shared/runtime/crashpoint.ts"
import type { World } from "./world.ts"

interface Payment {
  readonly types: Set<string>
  readonly providers: Set<string>
}

const byPayment = ({ history }: World): Iterable<Payment> => {
  const payments = new Map<string, Payment>()
  for (const { correlationid, type, data } of history) {
    const payment = payments.get(correlationid) ?? { types: new Set(), providers: new Set() }
    payments.set(correlationid, payment)
    payment.types.add(type)
    if (type === "GatewayRequestSent") payment.providers.add((data as { readonly provider: string }).provider)
  }
  return payments.values()
}

type Property = (payment: Payment) => boolean
const all =
  (...types: ReadonlyArray<string>): Property =>
  (payment) =>
    types.every((type) => payment.types.has(type))

const OF_PAYMENTS: Readonly<Record<string, Property>> = {
  "payment completed": all("PaymentCompleted"),
  "payment failed, money back": all("PaymentFailed", "WalletRefunded"),
  "payment cancelled": all("PaymentCancelled"),
  "cancel race lost": all("PaymentCancelRequested", "PaymentCompleted"),
  "unknown outcome, then completed": all("GatewayTimeoutOccurred", "PaymentCompleted"),
  "fallback to a second provider": ({ providers }) => providers.size === 2,
  "fallback to a third provider": ({ providers }) => providers.size === 3,
  "late success reversed": all("LateSuccessReversed"),
  "close refused while an attempt was open": all("GatewayCloseRefused"),
  "deduction undone before it was done": all("WalletDeductionVoided"),
  "wallet deduction failed": all("WalletDeductionFailed"),
  "concurrent payments": all("ConcurrentPaymentDetected"),
  "saga stuck": all("SagaStuck"),
  "saga compensated": all("CompensationCompleted"),
  "charge sent again after a restart": all("SagaRecoveryAttempted", "GatewayRequestSent", "PaymentCompleted"),
  "outcome reviewed": all("GatewayReviewRequired"),
  "waited for an open breaker": all("GatewayQueued"),
  "refund succeeded": all("PaymentRefunded"),
  "refund refused": all("RefundFailed"),
  "refund pending at its provider": all("GatewayRefundPending"),
  "refund unknown, then done": all("GatewayRefundUnknown", "PaymentRefunded"),
  "refund failed late": all("GatewayRefundReversed"),
  "hold captured": all("HoldCaptured"),
  "hold's remainder released": all("HoldRemainderReleased"),
  "hold voided": all("HoldVoided"),
  "hold expired": all("HoldExpired")
}

/** Counted by the world itself, as faults or as what the store refused. */
const OF_WORLDS: ReadonlyArray<string> = [
  // The audit log's points are met by the kill tests: no audit plays here.
  ...CRASH_POINTS.filter((label) => !label.startsWith("audit.")).map((label) => `crash at ${label}`),
  "crash at any moment",
  "OffsetsMoved refused",
  "conflict of version",
  "commit done, answer lost",
  "commit lost before it was done",
  "store unavailable",
  "charge done, answer lost",
  "charge executed late",
  "charged after its fence",
  "stored server error",
  "call hangs",
  "notice lost",
  "notice repeated",
  "second instance",
  "process stands still",
  "clock set",
  "same request again",
  "operator resolved as charged",
  "operator resolved as not_charged",
  "poison",
  "dead letter: RedriveUnit"
]

export const SOMETIMES: ReadonlyArray<string> = [...Object.keys(OF_PAYMENTS), ...OF_WORLDS]

/** The properties this world reached. */
export const reachedIn = (world: World): ReadonlyArray<string> => {
  const payments = [...byPayment(world)]
  return [
    ...Object.entries(OF_PAYMENTS).flatMap(([name, is]) => (payments.some(is) ? [name] : [])),
    ...OF_WORLDS.filter((name) => world.tally.of(name) + world.reached.of(name) > 0)
  ]
}
