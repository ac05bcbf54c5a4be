/** Bugs of the gateway: it falls back too early, forgets late truths, or talks to providers under the wrong key. */
import { Effect } from "effect"
import type { Mutate } from "../world.ts"
import { answers, calls, type Data, event, events, instead, seeing, wakes, withoutPosting } from "./change.ts"

const unknownOf = (operation: string, to: Data): Mutate =>
  answers((answer) =>
    answer["operation"] === operation && answer["outcome"] === "unknown" ? { ...answer, ...to } : answer
  )

/** Nobody answered, and the money is taken for charged. */
const guessed = (operation: string): Mutate =>
  answers((answer, { amount, currency }) =>
    answer["operation"] === operation && answer["outcome"] === "unknown"
      ? { ...answer, outcome: "succeeded", provider_reference: "guessed", amount, currency }
      : answer
  )

/** The answer of a call that is not made. */
const unasked = (operation: string, to: Data): Mutate =>
  calls((call, perform) => {
    if (!("operation" in call) || call.operation !== operation) return perform(call)
    const { payment_id, provider, try: n } = call
    const of =
      "attempt" in call ? { attempt: call.attempt, operation, breaker_failures: 0 } : { refund_id: call.refund_id }
    const data = { payment_id, provider, try: n, jitter: 0, ...of, ...to }
    const type = operation === "refund" ? "RecordRefundAnswer" : "RecordAnswer"
    return Effect.succeed([{ subject: `gateway-${payment_id}`, command: { type, data } as never }])
  })

const refundAnswer = (from: string, to: Data): Mutate =>
  answers((answer) => ("refund_id" in answer && answer["outcome"] === from ? { ...answer, ...to } : answer))

const wire = (bend: (call: Data) => Data): Mutate =>
  calls((call, perform) => perform(bend(call as unknown as Data) as never))

type Attempt = Data & { readonly status: string }

export const GATEWAY: Readonly<Record<string, Mutate>> = {
  "gateway: falls back on a timeout": unknownOf("charge", { outcome: "not_sent" }),
  "gateway: a server error is taken for a refusal": answers((answer) =>
    String(answer["reason"]).startsWith("http_5") ? { ...answer, outcome: "declined", decline_class: "soft" } : answer
  ),
  "gateway: a reset is taken for not sent": answers((answer) =>
    answer["reason"] === "reset" ? { ...answer, outcome: "rejected" } : answer
  ),
  "gateway: an unanswered fence is taken for a fence": unknownOf("fence", { outcome: "fenced" }),
  "gateway: skips the fence": unasked("fence", { outcome: "fenced" }),
  "gateway: a read that finds nothing ends the attempt": answers((answer) =>
    answer["operation"] === "read" && answer["outcome"] === "not_charged" ? { ...answer, outcome: "fenced" } : answer
  ),
  "gateway: an unanswered read is taken for a success": guessed("read"),
  "gateway: an unanswered charge is taken for a success": guessed("charge"),
  "gateway: new key on retry": wire((call) =>
    call["operation"] === "charge" ? { ...call, idempotency_key: `${call["idempotency_key"]}:${call["try"]}` } : call
  ),
  "gateway: one key for all attempts of a payment": wire((call) =>
    call["operation"] === "charge" ? { ...call, idempotency_key: `${call["payment_id"]}:charge` } : call
  ),
  "gateway: charges one unit too much": wire((call) =>
    call["operation"] === "charge" ? { ...call, amount: (call["amount"] as bigint) + 1n } : call
  ),
  "gateway: a late success is not heard": instead("gateway", "RecordAnswer", (state, { outcome }) =>
    outcome === "succeeded" && state?.["phase"] !== "open" ? [] : undefined
  ),
  "gateway: a late success is not reversed": events("gateway", (all) =>
    all.filter(({ type, data }) => type !== "GatewayRequestSent" || (data as Data)["operation"] !== "reverse")
  ),
  "gateway: a reversal is told and not asked for": unasked("reverse", {
    outcome: "reversed",
    provider_reference: "re"
  }),
  "gateway: an unanswered reversal is taken for done": unknownOf("reverse", {
    outcome: "reversed",
    provider_reference: "re"
  }),
  "gateway: closes while an attempt may take money": events("gateway", (all) =>
    all.map((fact) => {
      const { payment_id } = fact.data as Data
      return fact.type === "GatewayCloseRefused" ? { type: "GatewayClosed", data: { payment_id } } : fact
    })
  ),
  "gateway: forgets that it was closed": seeing("gateway", (state, message) =>
    message.type === "ProcessWithGateway" && state?.["phase"] === "closed"
      ? [{ ...state, phase: "idle", attempts: [] }, message]
      : [state, message]
  ),
  "gateway: never verifies": instead("gateway", "VerifyWithGateway", () => []),
  "gateway: its timers are lost": wakes("gateway", () => undefined),
  "gateway: trusts an operator's word for ever": wakes("gateway", (state, usual) =>
    ((state?.["attempts"] ?? []) as ReadonlyArray<Attempt>).some(({ vouched }) => vouched === true) ? undefined : usual
  ),
  "gateway: a charge is not written down": withoutPosting("gateway", "charge"),
  "gateway: a reversal is not written down": withoutPosting("gateway", "charge_reversal"),
  "gateway: answers of a charge are lost": calls((call, perform) =>
    "operation" in call && call.operation === "read" ? Effect.as(perform(call), []) : perform(call)
  ),
  "refund: new key on retry": wire((call) =>
    call["operation"] === "refund" ? { ...call, idempotency_key: `${call["idempotency_key"]}:${call["try"]}` } : call
  ),
  "refund: asked of another provider": wire((call) =>
    call["operation"] === "refund" ? { ...call, provider: "paypal" } : call
  ),
  "refund: an unanswered one is taken for refused": refundAnswer("unknown", { outcome: "refused" }),
  "refund: an unanswered one is taken for done": refundAnswer("unknown", { outcome: "succeeded", reference: "re" }),
  "refund: a pending one is taken for done": refundAnswer("pending", { outcome: "succeeded" }),
  "refund: a pending one is taken for refused": refundAnswer("pending", { outcome: "refused" }),
  "refund: told and not asked for": unasked("refund", { outcome: "succeeded", reference: "re" }),
  "refund: its late failure is not heard": event("gateway", "GatewayRefundReversed", () => undefined),
  "refund: it is not written down": withoutPosting("gateway", "refund")
}
