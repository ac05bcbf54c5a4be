/**
 * Many clients of one wallet at once, in a process of their own: `bun load.ts URL KEY WALLET CLIENTS MS`. Half of the
 * requests are credits, half payments of the same amount. Prints what came back as one line of JSON.
 */
import { type Answer, apiAt, codeOf } from "./client.ts"

const [url = "", key = "", wallet = "", clients = "1", ms = "1000"] = process.argv.slice(2)

export interface Load {
  readonly answers: Readonly<Record<string, number>>
  readonly p50: number
  readonly p99: number
  readonly seconds: number
}

const api = apiAt(() => url, key)
const AMOUNT = 100
const answers: Record<string, number> = {}
const took: Array<number> = []
const began = performance.now()

const client = async (n: number) => {
  for (let i = n; performance.now() - began < Number(ms); i++) {
    const answer: Answer = await (i % 2 === 0 ? api.credit(wallet, AMOUNT) : api.pay(wallet, AMOUNT)).catch(
      (error: Error): Answer => ({
        status: 0,
        headers: new Headers(),
        text: `{"error":{"code":"${error.name}"}}`,
        tookMs: 0
      })
    )
    const code = codeOf(answer)
    answers[code] = (answers[code] ?? 0) + 1
    took.push(answer.tookMs)
  }
}
await Promise.all(Array.from({ length: Number(clients) }, (_, n) => client(n)))

took.sort((a, b) => a - b)
const at = (share: number) => Math.round(took[Math.floor(took.length * share)] ?? 0)
const load: Load = { answers, p50: at(0.5), p99: at(0.99), seconds: (performance.now() - began) / 1000 }
console.log(JSON.stringify(load))
