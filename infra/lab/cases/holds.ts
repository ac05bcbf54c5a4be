/** Money that is set aside: not to be spent, captured once, given back in time (CASES B4). */
import { until } from "../../demo/client.ts"
import { labCase } from "../case.ts"
import { codeOf, type Hold, idOf, type Lab, tally } from "../lab.ts"

const hold = (lab: Lab, wallet: string, amount: number, more: object = {}) =>
  lab.post(
    `/wallets/${wallet}/holds`,
    { amount, currency: "USD", merchant_id: "lab-hotel", ...more },
    lab.unique("hold")
  )
const held = (lab: Lab, id: string) => lab.api.read<Hold>(`/holds/${id}`)

const spendable = labCase({
  id: "P37",
  story: "Money that was held could be spent or held again.",
  arms: [],
  does: "With 10.00: holds 8.00, then 5.00, then pays 5.00.",
  play: async (lab) => {
    const { id: wallet } = await lab.open(1_000)
    const one = await hold(lab, wallet, 800)
    const two = await hold(lab, wallet, 500)
    const pay = await lab.pay(wallet, 500)
    await lab.walletStory(wallet)
    return { codes: [one, two, pay].map(codeOf), ...(await lab.api.wallet(wallet)) }
  },
  must: [
    [
      "the second hold and the payment are refused",
      ({ codes }) => codes.join() === "201,400 INSUFFICIENT_FUNDS,400 INSUFFICIENT_FUNDS",
      ({ codes }) => codes.join(", ")
    ],
    ["2.00 are available", ({ available, held }) => available === 200 && held === 800, (s) => `${s.available}`]
  ]
})

const twice = labCase({
  id: "P39",
  story: "A hold that was voided twice gave its money back twice.",
  arms: [],
  does: "Holds 5.00 of 5.00, voids it twice at the same moment and once more.",
  play: async (lab) => {
    const { id: wallet } = await lab.open(500)
    const id = idOf(await hold(lab, wallet, 500))
    const both = await Promise.all([1, 2].map(() => lab.quiet(`/holds/${id}/void`, {}, lab.unique("void"))))
    const again = await lab.post(`/holds/${id}/void`, {}, lab.unique("void"))
    await lab.walletStory(wallet)
    return { codes: [...both, again].map(codeOf), ...(await lab.api.wallet(wallet)) }
  },
  must: [
    [
      "nobody gets a server's error",
      ({ codes }) => codes.every((code) => !code.startsWith("5")),
      (s) => tally(s.codes)
    ],
    ["given back once", (s) => s.available === 500 && s.balance === 500, ({ available }) => `${available}`]
  ]
})

const CAPTURES = 10

const captures = labCase({
  id: "P40",
  story: "Captures of one hold at the same moment all applied.",
  arms: [],
  does: `Holds 5.00 and captures all of it ${CAPTURES} times at the same moment, each with a key of its own.`,
  play: async (lab) => {
    const { id: wallet } = await lab.open(5_000)
    const id = idOf(await hold(lab, wallet, 500))
    const capture = () => lab.quiet(`/holds/${id}/capture`, { amount: 500 }, lab.unique("capture"))
    const codes = (await Promise.all(Array.from({ length: CAPTURES }, capture))).map(codeOf)
    lab.says(`${CAPTURES} captures at once are answered ${tally(codes)}.`)
    await lab.walletStory(wallet)
    return { codes, ...(await lab.api.wallet(wallet)) }
  },
  must: [
    ["one applies", ({ codes }) => codes.filter((code) => code === "200").length === 1, ({ codes }) => tally(codes)],
    ["5.00 are gone", (s) => s.balance === 4_500 && s.held === 0, ({ balance }) => `${balance}`]
  ]
})

const remainder = labCase({
  id: "P42",
  story: "After the last capture the rest of a hold stayed held.",
  arms: [],
  does: "Holds 100.00 and captures 60.00 as the last part.",
  play: async (lab) => {
    const { id: wallet } = await lab.open(10_000)
    const id = idOf(await hold(lab, wallet, 10_000))
    const capture = await lab.post(`/holds/${id}/capture`, { amount: 6_000, final: true }, lab.unique("capture"))
    await lab.walletStory(wallet)
    return { code: codeOf(capture), ...(await lab.api.wallet(wallet)) }
  },
  must: [["40.00 are free again", (s) => s.available === 4_000 && s.held === 0, (s) => `${s.code}, ${s.available}`]]
})

const LIFETIME_MS = 2_500

const lapsed = labCase({
  id: "P45",
  story: "An authorisation had lapsed, nobody was told, and the capture that came later failed.",
  arms: [],
  does: "Places a hold that lapses in 2.5 s, waits for it, and captures.",
  play: async (lab) => {
    const { id: wallet, created_at } = await lab.open(900)
    const expires_at = new Date(Date.parse(created_at) + LIFETIME_MS).toISOString()
    const id = idOf(await hold(lab, wallet, 900, { expires_at }))
    lab.waits("the hold's time runs")
    const { status } = await until(
      "the hold lapses",
      () => held(lab, id),
      ({ status }) => status === "expired"
    )
    const capture = await lab.post(`/holds/${id}/capture`, { amount: 900 }, lab.unique("capture"))
    await until(
      "its end is told",
      () => lab.api.walletEvents(wallet),
      (events) => events.some(({ type }) => type === "HoldExpired")
    )
    const told = (await lab.walletStory(wallet)).filter(({ type }) => type === "HoldExpired").length
    return { ...(await lab.api.wallet(wallet)), status, told, code: codeOf(capture) }
  },
  must: [
    ["it is told, once", ({ status, told }) => status === "expired" && told === 1, ({ told }) => `${told}`],
    ["too late to capture", ({ code }) => code === "409 HOLD_EXPIRED", ({ code }) => code],
    ["the money is free", (s) => s.available === 900 && s.held === 0, ({ available }) => `${available}`]
  ]
})

export const holdCases = [spendable, twice, captures, remainder, lapsed]
