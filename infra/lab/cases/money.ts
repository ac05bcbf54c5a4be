/** Amounts, balances and the books (CASES B5, B6). */
import { labCase } from "../case.ts"
import { codeOf, idOf, tally } from "../lab.ts"

const AT_ONCE = 8

const overdrawn = labCase({
  id: "P52",
  story: "The balance was looked at before the lock, so several payments at once all passed.",
  arms: [],
  does: `With 1.00 in the wallet, pays 1.00 ${AT_ONCE} times at the same moment.`,
  play: async (lab) => {
    const { id: wallet } = await lab.open(100)
    const pay = () => lab.quiet("/payments", lab.payment(wallet, 100), lab.unique("pay"))
    const answers = await Promise.all(Array.from({ length: AT_ONCE }, pay))
    const codes = answers.map(codeOf)
    lab.says(`${AT_ONCE} payments at once are answered ${tally(codes)}.`)
    const loser = answers.find(({ status }) => status === 400)
    if (loser !== undefined) await lab.timeline("one that lost", idOf(loser))
    return { codes, balance: await lab.balanceOf(wallet) }
  },
  must: [
    [
      "one passes, the others are refused as clients' matters",
      ({ codes }) =>
        codes.filter((code) => code === "201").length === 1 &&
        codes.filter((code) => code.startsWith("400 INSUFFICIENT_FUNDS")).length === AT_ONCE - 1,
      ({ codes }) => tally(codes)
    ],
    ["nothing is left, and nothing is missing", ({ balance }) => balance === 0, ({ balance }) => `${balance}`]
  ]
})

const STORM = 30

const negative = labCase({
  id: "P54",
  story: "Nothing in the database kept a balance from becoming negative.",
  arms: [],
  does: `Pays and holds ${STORM} times at once out of one wallet that has money for ten, then verifies what is stored.`,
  play: async (lab) => {
    const { id: wallet } = await lab.open(1_000)
    const spend = (n: number) =>
      n % 2 === 0
        ? lab.quiet("/payments", lab.payment(wallet, 100), lab.unique("pay"))
        : lab.quiet(
            `/wallets/${wallet}/holds`,
            { amount: 100, currency: "USD", merchant_id: "lab" },
            lab.unique("hold")
          )
    const codes = (await Promise.all(Array.from({ length: STORM }, (_, n) => spend(n)))).map(codeOf)
    lab.says(`${STORM} at once are answered ${tally(codes)}.`)
    const verified = await lab.api.send("POST", "/ops/consistency/verify", {})
    const { inconsistencies } = verified.body as { readonly inconsistencies?: ReadonlyArray<unknown> }
    return { codes, found: inconsistencies?.length, ...(await lab.api.wallet(wallet)) }
  },
  must: [
    [
      "as many pass as there is money for",
      (s) => s.codes.filter((c) => c === "201").length === 10,
      (s) => tally(s.codes)
    ],
    ["what is available is 0, not less", ({ available }) => available === 0, ({ available }) => `${available}`],
    ["events, balances and postings agree", ({ found }) => found === 0, ({ found }) => `${found} inconsistencies`]
  ]
})

const AMOUNTS = ["0", "-1", "1.5", "1e3", '"5"', "null", "9007199254740993", '"NaN"', '" 10 "', "true"]

const nonsense = labCase({
  id: "P60",
  story: "Amounts like 0 and −1 were accepted.",
  arms: [],
  does: `Pays amounts that are none: ${AMOUNTS.join("  ")}.`,
  play: async (lab) => {
    const { id: wallet } = await lab.open(1_000)
    const { amount: _, ...body } = lab.payment(wallet, 1)
    const text = JSON.stringify(body).slice(0, -1)
    const codes: Array<string> = []
    for (const amount of AMOUNTS)
      codes.push(codeOf(await lab.quiet("/payments", `${text},"amount":${amount}}`, lab.unique("pay"))))
    return { codes, events: (await lab.walletStory(wallet)).length, balance: await lab.balanceOf(wallet) }
  },
  must: [
    ["each is refused", (s) => s.codes.every((code) => code.startsWith("400 INVALID")), (s) => tally(s.codes)],
    [
      "nothing happened",
      (s) => s.events === 2 && s.balance === 1_000,
      ({ events }) => `${events} events: made, topped up`
    ]
  ]
})

const yen = labCase({
  id: "P62",
  story: "A payment of 500 yen was charged as 50,000, because somebody multiplied by a hundred.",
  arms: [],
  does: "Pays 500 JPY.",
  play: async (lab) => {
    const { id: wallet } = await lab.open(800, "JPY")
    const answer = await lab.pay(wallet, 500, { currency: "JPY" })
    await lab.timeline("payment", idOf(answer))
    const [charge] = await lab.ledger(idOf(answer))
    return { charge: `${charge?.amount} ${charge?.currency}`, balance: await lab.balanceOf(wallet) }
  },
  must: [
    ["500 yen were charged", ({ charge }) => charge === "500 JPY", ({ charge }) => charge],
    ["500 yen left the wallet", ({ balance }) => balance === 300, ({ balance }) => `${balance} left`]
  ]
})

export const moneyCases = [overdrawn, negative, nonsense, yen]
