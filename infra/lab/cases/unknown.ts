/** Nobody knows whether the provider took the money (CASES B2, B10): one charge all the same. */
import type { Happened } from "../../demo/story.ts"
import { first, labCase } from "../case.ts"
import { codeOf, count, idOf, type Lab } from "../lab.ts"
import { STOLEN } from "./codes.ts"

const AMOUNT = 5_000

/** What became of one payment, in the platform and at the providers. */
const become = async (lab: Lab, id: string, wallet: string) => {
  const { status, seen } = await lab.ended(id)
  const events = await lab.timeline("payment", id)
  const wire = await lab.simulator.wire(id)
  return {
    status,
    seen,
    events,
    charges: (await lab.ledger(id)).filter(({ kind }) => kind === "charge").length,
    asked: [...new Set(wire.filter(({ op }) => op === "charge").map(({ provider }) => provider))],
    keys: new Set(wire.filter(({ op }) => op === "charge").map(({ idempotency_key }) => idempotency_key)).size,
    balance: await lab.balanceOf(wallet)
  }
}
type Become = Awaited<ReturnType<typeof become>>

const pays = async (lab: Lab, prefer?: string) => {
  const { id: wallet } = await lab.open(3 * AMOUNT)
  const answer = await lab.pay(wallet, AMOUNT, prefer === undefined ? {} : { prefer })
  return { wallet, answer, ...(await become(lab, idOf(answer), wallet)) }
}

const once = ["the money was taken once", (s: Become) => s.charges === 1, (s: Become) => `${s.charges} charge`] as const
const completed = [
  "the payment is COMPLETED",
  (s: Become) => s.status === "COMPLETED",
  (s: Become) => s.status
] as const
const debited = [
  "the wallet paid once",
  (s: Become) => s.balance === 2 * AMOUNT && count(s.events, "WalletDeducted") === 1,
  (s: Become) => `${s.balance} left`
] as const
const alone = [
  "no other provider was asked",
  (s: Become) => s.asked.length === 1,
  (s: Become) => s.asked.join()
] as const
const neverFailed = [
  "never was it called failed on the way",
  (s: Become) => !s.seen.includes("FAILED"),
  (s: Become) => s.seen.join(" → ")
] as const

const sameKey = labCase({
  id: "P10",
  story: "Each try had a new key at the provider, so a try whose answer was lost and the next one both charged.",
  arms: [first({ fault: "reset-before", count: 1 })],
  does: "Pays; the connection breaks at the first try, before the provider has done anything.",
  play: (lab) => pays(lab),
  must: [completed, once, ["one key for every try", (s) => s.keys === 1, (s) => `${s.keys} key`], debited]
})

const unknownThenOther = labCase({
  id: "P16",
  story: "A payment was unknown, a second provider charged for it, then the first one's success came: paid twice.",
  arms: [first({ fault: "reset-after", count: 1 })],
  does: "Pays; the provider takes the money and its answer is lost. Then pays again with a new key.",
  play: async (lab) => {
    const seen = await pays(lab)
    const next = await lab.pay(
      (await lab.api.read<{ wallet_id: string }>(`/payments/${idOf(seen.answer)}`)).wallet_id,
      1
    )
    return { ...seen, next: codeOf(next), separate: idOf(next) !== idOf(seen.answer) }
  },
  must: [
    completed,
    once,
    alone,
    debited,
    ["a new key is a payment of its own", (s) => s.next === "201" && s.separate, (s) => s.next]
  ]
})

const lateTruth = labCase({
  id: "P18",
  story: "The capture had worked, the answer had not come, and the later notice of it was dropped as out of place.",
  arms: [first({ fault: "async", after_ms: 1_500, count: 1 })],
  does: "Pays; the provider answers that it is working on it, and tells the end later.",
  play: (lab) => pays(lab, "respond-async"),
  must: [neverFailed, completed, once, debited]
})

const unavailable = labCase({
  id: "P20",
  story: "A provider said 503, the client was told 200 and processing, and so it stayed for ever.",
  arms: [first({ fault: "5xx-before", code: "503", op: "charge" })],
  does: "Pays while the first provider answers 503 to every charge.",
  play: (lab) => pays(lab),
  must: [
    [
      "it ends: another provider charges, or the money is back",
      (s) => s.status === "COMPLETED" || (s.status === "FAILED" && s.balance === 3 * AMOUNT),
      (s) => `${s.answer.status} ${s.status}`
    ],
    [
      "taken once, or not at all",
      (s) => s.charges === (s.status === "COMPLETED" ? 1 : 0),
      (s) => `${s.charges} charge`
    ],
    [
      "before another is asked, the first one's attempt is closed for good",
      (s) => s.asked.length === 1 || closedBefore(s.events),
      (s) => s.asked.join(", then ")
    ]
  ]
})

/** An outcome that excludes a charge stands in the timeline before the fall-back. */
const closedBefore = (events: ReadonlyArray<Happened>): boolean => {
  const fallback = events.findIndex(({ type }) => type === "GatewayFallbackTriggered")
  const closed = events.findIndex(
    ({ type, data }) => type === "GatewayResponseReceived" && CLOSED.has(String(data["outcome"]))
  )
  return closed >= 0 && fallback > closed
}
const CLOSED = new Set(["fenced", "declined", "rejected", "not_executed", "not_sent"])

const silence = labCase({
  id: "P21",
  story: "A timeout was reported as a failure, so the caller paid again, and both went through.",
  arms: [first({ fault: "hang-after", count: 1 })],
  does: "Pays without waiting; the provider takes the money and says nothing until GATEWAY_TIMEOUT_MS (30 s) is over.",
  play: (lab) => pays(lab, "respond-async"),
  must: [
    ["the answer is 202, not a failure", (s) => s.answer.status === 202, (s) => codeOf(s.answer)],
    neverFailed,
    completed,
    once,
    alone,
    debited
  ]
})

const bothTell = labCase({
  id: "P23",
  story: "The provider's answer and its call-back came in the same instant, and each of them captured.",
  arms: [first({ fault: "none", latency_ms: 800, op: "charge", count: 1 })],
  does: "Pays; the answer takes so long that the call-back comes beside it.",
  play: (lab) => pays(lab),
  must: [completed, once, ["confirmed once", (s) => count(s.events, "PaymentCompleted") === 1, () => "once"], debited]
})

const copies = labCase({
  id: "P73",
  story: "Copies of one call-back, late and out of order, settled a payment several times.",
  arms: [
    { at: "callbacks", behaviour: { duplicate: 1, reorder: 0.5, delay_ms: 50 } },
    first({ fault: "async", after_ms: 500, count: 1 })
  ],
  does: "Pays; the end is told later, twice, late and out of order.",
  play: (lab) => pays(lab, "respond-async"),
  must: [completed, once, ["confirmed once", (s) => count(s.events, "PaymentCompleted") === 1, () => "once"], debited]
})

const stolen = labCase({
  id: "P115",
  story: "A card that was reported stolen was tried at the next provider, and the reason was lost.",
  arms: [first({ fault: "decline", code: STOLEN, count: 1 })],
  does: "Pays with a card that the issuer never wants to see again.",
  play: (lab) => pays(lab),
  must: [
    ["declined", (s) => codeOf(s.answer) === "402 PAYMENT_DECLINED", (s) => codeOf(s.answer)],
    ["no other provider was asked", (s) => count(s.events, "GatewayFallbackTriggered") === 0, (s) => s.asked.join()],
    ["nothing was taken, the money is back", (s) => s.charges === 0 && s.balance === 3 * AMOUNT, (s) => `${s.balance}`]
  ]
})

export const unknownCases = [sameKey, unknownThenOther, lateTruth, unavailable, silence, bothTell, copies, stolen]
