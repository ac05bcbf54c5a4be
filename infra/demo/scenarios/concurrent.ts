/** MISSION 10.4: two payments of one wallet that holds enough for one. */
import { type Answer, type Problem, until, type Wallet } from "../client.ts"
import { money } from "../narrator.ts"
import { chargesIn, idOf, type Paying, type Scenario, type Stage } from "../stage.ts"

interface Round {
  readonly name: "together" | "later"
  readonly who: string
  readonly wallet: Wallet
}

const orders = ({ name, who, wallet }: Round): readonly [Paying, Paying] => [
  { who, wallet: wallet.id, amount: 80_000, merchant: "airline", key: `${name}-800` },
  { who, wallet: wallet.id, amount: 60_000, merchant: "hotel", key: `${name}-600` }
]

/** What must be so whoever comes first. */
const settled = async (stage: Stage, { name, who, wallet }: Round, answers: readonly [Answer, Answer]) => {
  const [won, lost] = answers[0].status === 201 ? answers : [answers[1], answers[0]]
  const { api, simulator } = stage
  const { error } = (lost.body ?? {}) as Partial<Problem>
  if (won.status !== 201 || error === undefined) return stage.fact("exactly one succeeds", false)
  const ids = [idOf(won), idOf(lost)] as const
  await stage.timeline(`${name}: the one that lost`, ids[1])
  const winner = (won.body as { amount: number }).amount
  const balance = await stage.balance(who, wallet.id, wallet.balance)
  const movements = [...(await simulator.ledger(ids[0])), ...(await simulator.ledger(ids[1]))]
  stage.tell({ kind: "ledger", of: "ledger", movements })
  await stage.told(who, ids[1])
  stage.fact("exactly one succeeds", chargesIn(movements).length === 1, `${money(winner)} paid`)
  const { concurrent_payment_id, available_balance, deficit_amount } = error.details
  const named = error.code === "INSUFFICIENT_FUNDS_CONCURRENT" && concurrent_payment_id === ids[0]
  stage.fact("the other is refused and names the winner", named, `400 ${error.code}`)
  const [left, missing] = [wallet.balance - winner, 140_000 - winner - (wallet.balance - winner)]
  const right = available_balance === left && deficit_amount === missing
  stage.fact("it says what is left and what is missing", right, `${money(left)} left, ${money(missing)} missing`)
  stage.fact("the wallet paid for one only", balance === left && balance >= 0)
  const events = await api.timeline(ids[1])
  stage.fact(
    "the meeting is on record",
    events.some(({ type }) => type === "ConcurrentPaymentDetected"),
    "ConcurrentPaymentDetected"
  )
}

const bothAtOnce = async (stage: Stage) => {
  const wallet = await stage.api.open("dora", 100_000)
  stage.says(
    `Dora's wallet holds ${money(wallet.balance)}. From two devices at the same moment she pays ${money(80_000)} and ` +
      `${money(60_000)}. There is no lock to wait for: both are folded through the wallet's events, in turn.`
  )
  const round: Round = { name: "together", who: "Dora", wallet }
  const [first, second] = orders(round)
  for (const order of [first, second]) stage.asks(order)
  stage.waits("both are under way")
  const answers = await Promise.all([stage.api.pay(first), stage.api.pay(second)])
  for (const answer of answers) stage.answers(answer)
  await settled(stage, round, answers)
}

const oneAfterTheOther = async (stage: Stage) => {
  const wallet = await stage.api.open("dirk", 100_000)
  stage.says(
    `Dirk does the same, but his ${money(60_000)} come a moment later, when the other payment has its money already ` +
      "(Stripe takes 300 ms). Now the wallet says no when it is asked, before anything is taken."
  )
  await stage.simulator.behave("stripe", { fault: "none", latency_ms: 300, op: "charge" })
  const round: Round = { name: "later", who: "Dirk", wallet }
  const [first, second] = orders(round)
  stage.asks(first)
  stage.waits("the first is under way")
  const won = stage.api.pay(first)
  await until(
    "the first has its money",
    () => stage.api.wallet(wallet.id),
    ({ balance }) => balance === 20_000
  )
  stage.asks(second)
  const lost = await stage.api.pay(second)
  stage.answers(lost)
  const answer = await won
  stage.answers(answer)
  await settled(stage, round, [answer, lost])
}

export const concurrent: Scenario = {
  number: 4,
  title: "Two payments at the same moment, money for one",
  play: async (stage) => {
    await bothAtOnce(stage)
    await oneAfterTheOther(stage)
    const counted = await stage.platform.metric("insufficient_funds_due_to_concurrency_total")
    stage.fact("/metrics counts both losers", counted >= 2, String(counted))
  }
}
