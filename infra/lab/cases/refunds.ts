/** Money that goes back: never more than came, never twice, to where it came from (CASES B3). */
import { first, labCase } from "../case.ts"
import { codeOf, idOf, type Lab, tally } from "../lab.ts"

const paid = async (lab: Lab, amount: number) => {
  const { id: wallet } = await lab.open(amount)
  const answer = await lab.pay(wallet, amount)
  const { provider } = answer.body as { readonly provider: string }
  return { wallet, id: idOf(answer), provider }
}

const sum = (amounts: ReadonlyArray<number>): number => amounts.reduce((total, amount) => total + amount, 0)

const tooMuch = labCase({
  id: "P26",
  story: "Two refunds at once gave back more than had been captured.",
  arms: [],
  does: "Pays 100.00, then asks for two refunds of 60.00 at the same moment.",
  play: async (lab) => {
    const { wallet, id } = await paid(lab, 10_000)
    lab.waits("two refunds are under way")
    const ask = () => lab.quiet(`/payments/${id}/refunds`, { amount: 6_000 }, lab.unique("refund"))
    const answers = (await Promise.all([ask(), ask()])).map(codeOf)
    await lab.timeline("payment", id)
    return { answers, refunded: await lab.refunded(id), balance: await lab.balanceOf(wallet) }
  },
  must: [
    [
      "one succeeds, the other is refused",
      ({ answers }) => answers.toSorted().join() === "201,422 REFUND_EXCEEDS_REMAINDER",
      ({ answers }) => tally(answers)
    ],
    ["60.00 went back", (s) => sum(s.refunded) === 6_000 && s.balance === 6_000, (s) => `${sum(s.refunded)}`]
  ]
})

const negative = labCase({
  id: "P27",
  story: "A refund of minus one hundred was accepted, and took money instead of giving it back.",
  arms: [],
  does: "Asks for refunds of −100, 0 and 1.5.",
  play: async (lab) => {
    const { wallet, id } = await paid(lab, 1_000)
    const answers: Array<string> = []
    for (const amount of ["-100", "0", "1.5"])
      answers.push(codeOf(await lab.post(`/payments/${id}/refunds`, `{"amount":${amount}}`, lab.unique("refund"))))
    const asked = (await lab.simulator.wire(id)).filter(({ op }) => op === "refund").length
    return { answers, asked, balance: await lab.balanceOf(wallet) }
  },
  must: [
    ["each is refused", (s) => s.answers.every((code) => code === "400 INVALID_REQUEST"), (s) => tally(s.answers)],
    [
      "no provider heard of it",
      ({ asked, balance }) => asked === 0 && balance === 0,
      ({ asked }) => `${asked} requests`
    ]
  ]
})

const whereItCameFrom = labCase({
  id: "P28",
  story: "A refund went to the provider that is asked first now, not to the one that had charged.",
  arms: [first({ fault: "decline", count: 1 })],
  does: "Pays; the first provider declines, another one charges. Then refunds it while the first works again.",
  play: async (lab) => {
    const { id, provider } = await paid(lab, 4_000)
    const refund = await lab.post(`/payments/${id}/refunds`, {}, lab.unique("refund"))
    await lab.timeline("payment", id)
    const book = await lab.ledger(id)
    return { refund: codeOf(refund), provider, first: lab.first, at: book.map((it) => `${it.kind} at ${it.provider}`) }
  },
  must: [
    ["another provider charged", ({ provider, first }) => provider !== first, ({ provider }) => provider],
    [
      "the refund went there",
      ({ refund, at, provider }) => refund === "201" && at.join() === `charge at ${provider},refund at ${provider}`,
      ({ at }) => at.join(", ")
    ]
  ]
})

const lostAnswer = labCase({
  id: "P32",
  story: "The provider had refunded, its answer was lost, and the next try had a new key: refunded twice.",
  arms: [first({ fault: "reset-after", op: "refund", count: 1 })],
  does: "Pays and asks for a refund, whose answer is lost; sends the same request again.",
  play: async (lab) => {
    const { wallet, id } = await paid(lab, 2_000)
    const key = lab.unique("refund")
    const one = await lab.post(`/payments/${id}/refunds`, { amount: 2_000 }, key)
    const two = await lab.post(`/payments/${id}/refunds`, { amount: 2_000 }, key)
    await lab.refundOf(idOf(one), ({ status }) => status === "succeeded")
    await lab.timeline("payment", id)
    const keys = (await lab.simulator.wire(id)).filter(({ op }) => op === "refund").map((it) => it.idempotency_key)
    return {
      same: idOf(one) === idOf(two),
      keys: new Set(keys).size,
      refunded: await lab.refunded(id),
      balance: await lab.balanceOf(wallet)
    }
  },
  must: [
    ["one refund, however often it is asked for", ({ same }) => same, ({ same }) => (same ? "the same" : "two")],
    ["one key at the provider", ({ keys }) => keys === 1, ({ keys }) => `${keys}`],
    ["given back once", (s) => s.refunded.join() === "2000" && s.balance === 2_000, ({ refunded }) => refunded.join()]
  ]
})

const pending = labCase({
  id: "P34",
  story: "A refund that the provider was still working on was shown as failed.",
  arms: [first({ fault: "async", op: "refund", after_ms: 1_500, count: 1 })],
  does: "Pays and asks for a refund; the provider answers that it is pending, and finishes later.",
  play: async (lab) => {
    const { wallet, id } = await paid(lab, 3_000)
    const refund = await lab.post(`/payments/${id}/refunds`, {}, lab.unique("refund"), "respond-async")
    const { status: at } = refund.body as { readonly status: string }
    const { status } = await lab.refundOf(idOf(refund), (it) => it.status !== "pending")
    await lab.timeline("payment", id)
    return { at, status, refunded: await lab.refunded(id), balance: await lab.balanceOf(wallet) }
  },
  must: [
    [
      "pending is not an end",
      ({ at, status }) => at === "pending" && status === "succeeded",
      (s) => `${s.at} → ${s.status}`
    ],
    ["given back once", (s) => s.refunded.join() === "3000" && s.balance === 3_000, ({ refunded }) => refunded.join()]
  ]
})

export const refundCases = [tooMuch, negative, whereItCameFrom, lostAnswer, pending]
