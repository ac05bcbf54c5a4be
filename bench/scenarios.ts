/** What one customer alone sees: scenario 1 (the payment goes through) and 2 (the wallet holds too little). */
import { openWallet, pay, setProviderLatency } from "./client.ts"
import { percentile } from "./numbers.ts"
import { type Bench, PAYMENT_AMOUNT } from "./run.ts"

const PROVIDER_MS = 200
const PAYMENTS = 40
const REFUSALS = 200

export interface Scenarios {
  /** ms over the 200 ms of the provider. */
  readonly addedP50: number
  readonly addedMax: number
  /** ms until the answer INSUFFICIENT_FUNDS. */
  readonly refusedP50: number
  readonly refusedP99: number
}

const timed = async (times: number, once: () => Promise<void>): Promise<ReadonlyArray<number>> => {
  const took: Array<number> = []
  for (let i = 0; i < times; i++) {
    const began = performance.now()
    await once()
    took.push(performance.now() - began)
  }
  return took.sort((a, b) => a - b)
}

export const measureScenarios = async (bench: Bench): Promise<Scenarios> => {
  const { platform, spare } = bench
  const poor = await openWallet(platform, `poor-${Date.now()}`, PAYMENT_AMOUNT - 1)
  bench.credited += BigInt(PAYMENT_AMOUNT - 1)
  const expect = async (wallet: string, status: number) => {
    const answer = await pay(platform, wallet, PAYMENT_AMOUNT)
    if (answer.status !== status) throw new Error(`a payment was answered ${answer.status}, not ${status}`)
    if (status === 201) bench.answeredCompleted++
  }
  await setProviderLatency(platform, PROVIDER_MS)
  const paid = await timed(PAYMENTS, () => expect(spare, 201))
  await setProviderLatency(platform, 0)
  const refused = await timed(REFUSALS, () => expect(poor, 400))
  return {
    addedP50: percentile(paid, 0.5) - PROVIDER_MS,
    addedMax: percentile(paid, 1) - PROVIDER_MS,
    refusedP50: percentile(refused, 0.5),
    refusedP99: percentile(refused, 0.99)
  }
}
