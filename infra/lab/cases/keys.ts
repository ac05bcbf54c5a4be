/** One key, one effect: retries, twins and mistakes of clients (CASES B1). */
import { first, labCase } from "../case.ts"
import { codeOf, idOf, isReplay, tally } from "../lab.ts"
import { STOLEN } from "./codes.ts"

const otherBody = labCase({
  id: "P01",
  story: "The same key with another amount was answered as if it were the first order, and the second one was lost.",
  arms: [],
  does: "Pays 10.00, then sends 99.00 under the same key.",
  play: async (lab) => {
    const { id: wallet } = await lab.open(20_000)
    const key = lab.unique("order")
    const one = await lab.pay(wallet, 1_000, { key })
    const other = await lab.pay(wallet, 9_900, { key })
    await lab.timeline("payment", idOf(one))
    return { one: codeOf(one), other: codeOf(other), balance: await lab.balanceOf(wallet) }
  },
  must: [
    ["the second is refused, and says why", ({ other }) => other.startsWith("422"), ({ other }) => other],
    ["only the first has moved money", ({ one, balance }) => one === "201" && balance === 19_000, (s) => `${s.balance}`]
  ]
})

const burntKey = labCase({
  id: "P03",
  story: "A key stayed burnt after a mistake of the client's, so the corrected request could never go through.",
  arms: [],
  does: "Sends a broken body, then the right one under the same key; pays too much, tops up, repeats, renews.",
  play: async (lab) => {
    const { id: wallet } = await lab.open(1_000)
    const key = lab.unique("order")
    const broken = await lab.post("/payments", '{"wallet_id":', key)
    const mended = await lab.pay(wallet, 100, { key })
    const late = lab.unique("order")
    const poor = await lab.pay(wallet, 5_000, { key: late })
    const top = { amount: 5_000, currency: "USD", reference: "top-up" }
    await lab.post(`/wallets/${wallet}/credits`, top, lab.unique("top-up"))
    const repeated = await lab.pay(wallet, 5_000, { key: late })
    const renewed = await lab.pay(wallet, 5_000)
    await lab.timeline("payment", idOf(renewed))
    return { answers: [broken, mended, poor, repeated, renewed].map(codeOf), replayed: isReplay(repeated) }
  },
  must: [
    [
      "a body that cannot be read burns no key",
      ({ answers }) => answers[0] === "400 INVALID_JSON" && answers[1] === "201",
      ({ answers }) => answers.slice(0, 2).join(", then ")
    ],
    [
      "a refusal for want of funds is an outcome: the same key says so again, and says that it repeats",
      ({ answers, replayed }) => answers[2] === "400 INSUFFICIENT_FUNDS" && answers[3] === answers[2] && replayed,
      ({ answers }) => answers.slice(2, 4).join(", then ")
    ],
    ["a new key pays", ({ answers }) => answers[4] === "201", ({ answers }) => String(answers[4])]
  ]
})

const twoAlike = labCase({
  id: "P04",
  story: "Two genuine payments that looked alike became one, because the key was made of the body.",
  arms: [],
  does: "Sends the same body twice without a key, then twice with a key of its own each.",
  play: async (lab) => {
    const { id: wallet } = await lab.open(5_000)
    const bare = await lab.post("/payments", lab.payment(wallet, 500), undefined)
    const one = await lab.pay(wallet, 500)
    const two = await lab.pay(wallet, 500)
    return { bare: codeOf(bare), ids: new Set([idOf(one), idOf(two)]).size, balance: await lab.balanceOf(wallet) }
  },
  must: [
    ["no key, no payment", ({ bare }) => bare === "400 IDEMPOTENCY_KEY_REQUIRED", ({ bare }) => bare],
    ["two keys, two payments", ({ ids, balance }) => ids === 2 && balance === 4_000, ({ ids }) => `${ids} payments`]
  ]
})

const TWINS = 20

const twins = labCase({
  id: "P06",
  story: "Twenty parallel requests with one key all ran, and the customer paid twenty times.",
  arms: [first({ fault: "none", latency_ms: 300, op: "charge" })],
  does: `Sends ${TWINS} equal payments with one key at the same moment, while the provider takes 300 ms.`,
  play: async (lab) => {
    const { id: wallet } = await lab.open(100_000)
    const key = lab.unique("order")
    lab.waits(`${TWINS} requests with one key are under way`)
    const body = lab.payment(wallet, 1_000)
    const answers = await Promise.all(Array.from({ length: TWINS }, () => lab.quiet("/payments", body, key)))
    lab.says(`${TWINS} requests at once are answered ${tally(answers.map(codeOf))}.`)
    const made = answers.filter(({ status }) => status === 201)
    const [id = ""] = made.map(idOf)
    await lab.timeline("payment", id)
    const waits = answers.filter(({ status }) => status === 409)
    return {
      ids: new Set(made.map(idOf)).size,
      others: waits.every(({ headers }) => headers.has("retry-after")) && made.length + waits.length === TWINS,
      charges: await lab.charged(id),
      balance: await lab.balanceOf(wallet)
    }
  },
  must: [
    ["one payment", ({ ids }) => ids === 1, ({ ids }) => `${ids}`],
    ["the others get its answer, or are told when to ask again", ({ others }) => others, (s) => yes(s.others)],
    [
      "one charge, one debit",
      ({ charges, balance }) => charges.length === 1 && balance === 99_000,
      (s) => `${s.charges.length} charge`
    ]
  ]
})

const race = labCase({
  id: "P07",
  story: "Of two requests with one key, the slower one was answered with the database's own error.",
  arms: [first({ fault: "none", latency_ms: 500, op: "charge", count: 1 })],
  does: "Sends two equal payments with one key at the same moment, the first one slow.",
  play: async (lab) => {
    const { id: wallet } = await lab.open(10_000)
    const key = lab.unique("order")
    const both = await Promise.all([1, 2].map(() => lab.quiet("/payments", lab.payment(wallet, 700), key)))
    const again = await lab.pay(wallet, 700, { key })
    await lab.timeline("payment", idOf(again))
    return { both: both.map(codeOf), again: isReplay(again), balance: await lab.balanceOf(wallet) }
  },
  must: [
    ["nobody gets a server's error", ({ both }) => both.every((code) => !code.startsWith("5")), (s) => tally(s.both)],
    ["asked again, the stored answer comes, and says that it repeats", ({ again }) => again, (s) => yes(s.again)],
    ["paid once", ({ balance }) => balance === 9_300, ({ balance }) => `${balance}`]
  ]
})

const replayedError = labCase({
  id: "P15",
  story: "A client could not tell an error that was repeated from a fresh one, and asked for ever.",
  arms: [first({ fault: "decline", code: STOLEN, count: 1 })],
  does: "Pays, is declined for good, and sends the same request again.",
  play: async (lab) => {
    const { id: wallet } = await lab.open(3_000)
    const key = lab.unique("order")
    const one = await lab.pay(wallet, 2_000, { key })
    const two = await lab.pay(wallet, 2_000, { key })
    await lab.timeline("payment", idOf(one))
    return { codes: [one, two].map(codeOf), replayed: [one, two].map(isReplay), balance: await lab.balanceOf(wallet) }
  },
  must: [
    [
      "the same answer twice",
      ({ codes }) => codes.every((code) => code === "402 PAYMENT_DECLINED"),
      (s) => tally(s.codes)
    ],
    [
      "only the second says that it repeats",
      ({ replayed: [a, b] }) => a === false && b === true,
      (s) => s.replayed.join()
    ],
    ["the money is in the wallet", ({ balance }) => balance === 3_000, ({ balance }) => `${balance}`]
  ]
})

const yes = (so: boolean): string => (so ? "yes" : "no")

export const keyCases = [otherBody, burntKey, twoAlike, twins, race, replayedError]
