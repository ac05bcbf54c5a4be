/**
 * Clients that never give up: each asks for something under a key of its own and repeats it, under the same key and
 * whatever happens to the server, until it has the final answer. What they were told is checked when all is over.
 */
import { type Answer, codeOf, type Wallet } from "../scenarios/client.ts"
import type { Victim } from "./victim.ts"

const CLIENTS = 12
const WALLETS = 4
const FUNDS = 100_000_000
const PAUSE_MS = 25
/** A payment of unknown outcome waits for its provider, not for its client. */
const GIVE_UP_MS = 60_000
const FAULTS_EVERY_MS = 300

const FAULTS = [
  { fault: "none", latency_ms: 40 },
  { fault: "none" },
  { fault: "reset-after", rate: 0.3 },
  { fault: "reset-before", rate: 0.4 },
  { fault: "5xx-before", rate: 0.3 },
  { fault: "5xx-after", rate: 0.3 },
  { fault: "decline", rate: 0.3 },
  { fault: "decline", rate: 0.2, code: "stolen_card" },
  { fault: "hang-after", rate: 0.1 },
  { fault: "reject-before", rate: 0.3 }
]

interface Done {
  readonly key: string
  readonly answer: Answer
  readonly again: () => Promise<Answer>
}

export type Load = Awaited<ReturnType<typeof startLoad>>

/** `random` in [0, 1): what is asked for follows from it, as far as the machine's timing allows. */
export const startLoad = async ({ api, sim }: Victim, random: () => number) => {
  const pick = <A>(from: ReadonlyArray<A>): A => from[Math.floor(random() * from.length)] as A
  const wallets: Array<Wallet> = []
  for (let n = 0; n < WALLETS; n++) wallets.push(await api.open(FUNDS))
  const serves = Object.keys(JSON.parse((await api.get("/openapi.json")).text).paths)
  const resume = "/api/v1/ops/sagas/{id}/resume"
  const operators = serves.includes(resume)
  const done: Array<Done> = []
  const complaints: Array<string> = []
  const lately: Array<string> = []
  let asked = 0
  let over = false

  const insist = async (key: string, ask: () => Promise<Answer>) => {
    const began = performance.now()
    let id: string | undefined
    for (;;) {
      const answer = await ask().catch((): undefined => undefined)
      const told = answer && idOf(answer)
      if (told !== undefined && id !== undefined && told !== id) complaints.push(`${key}: first ${id}, then ${told}`)
      id = told ?? id
      if (answer !== undefined && isFinal(answer)) return answer
      if (performance.now() - began > GIVE_UP_MS) {
        complaints.push(`${key}: no final answer in ${GIVE_UP_MS} ms, last ${answer && codeOf(answer)}`)
        return undefined
      }
      await Bun.sleep(PAUSE_MS)
    }
  }

  const once = async () => {
    // Half of them at one hot wallet.
    const wallet = random() < 0.5 ? (wallets[0] as Wallet) : pick(wallets)
    const amount = 1 + Math.floor(random() * 500)
    const key = `chaos ${++asked}`
    const kind = random()
    if (kind < 0.1 && operators && lately.length > 0) {
      await api.post(resume.replace("{id}", pick(lately)), { reason: "chaos" }).catch(() => undefined)
      return
    }
    const ask = () =>
      kind < 0.2 ? api.credit(wallet.id, amount, { key }) : api.pay(wallet.id, amount, { key, prefer: "wait=2" })
    const answer = await insist(key, ask)
    if (answer === undefined) return
    done.push({ key, answer, again: ask })
    const id = idOf(answer)
    if (id !== undefined) lately.push(id)
    if (lately.length > CLIENTS) lately.shift()
  }

  const client = async () => {
    while (!over) await once()
  }
  const spoil = async () => {
    for (; !over; await Bun.sleep(FAULTS_EVERY_MS)) await sim.behaviour("stripe", pick(FAULTS))
    await sim.reset()
  }
  const running = Promise.all([spoil(), ...Array.from({ length: CLIENTS }, client)])
  return {
    operators,
    asked: () => asked,
    /** No new requests; those under way get their answers. Tells whoever was answered wrongly. */
    stop: async (): Promise<ReadonlyArray<string>> => {
      over = true
      await running
      await Promise.all(done.slice(-CHECKED_MAX).map((it) => repeated(it, complaints)))
      return complaints
    }
  }
}

/** How many of the last answers are asked for again. */
const CHECKED_MAX = 300

const repeated = async ({ key, answer, again }: Done, complaints: Array<string>) => {
  const second = await again()
  const same = second.status === answer.status && idOf(second) === idOf(answer)
  if (!same) complaints.push(`${key}: ${codeOf(answer)} ${idOf(answer)}, later ${codeOf(second)} ${idOf(second)}`)
}

/** Neither "come again" nor "not yet". */
const isFinal = ({ status }: Answer): boolean =>
  status !== 202 && status !== 409 && status < 500 ? true : status === 502

/** Of the payment, or of the credit. */
const idOf = ({ text }: Answer): string | undefined => {
  const body = JSON.parse(text || "{}") as {
    readonly id?: string
    readonly error?: { readonly details?: { readonly payment_id?: string } }
  }
  return body.id ?? body.error?.details?.payment_id
}
