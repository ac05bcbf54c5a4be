/**
 * The load: a process of its own over keep-alive sockets, one request in flight on each. Spec as JSON on stdin, on
 * stdout "measuring" and "measured" at the borders of the measured time, then the result as one line of JSON.
 *
 * Written by hand because it shares two cores with what it measures: 4.5 µs of CPU a request, where autocannon takes 17
 * to 22 and `fetch` 24. It also keeps every latency, and its open loop counts from the moment a request was due.
 */
import { Connection, type Reply } from "./connection.ts"
import { percentile } from "./numbers.ts"

export interface LoadSpec {
  readonly url: string
  readonly apiKey: string
  readonly wallets: ReadonlyArray<string>
  readonly connections: number
  /** Requests a second, whatever the answers do; absent: each connection sends when it has its answer. */
  readonly rate?: number
  readonly warmUpMs: number
  readonly measureMs: number
  /** Makes the idempotency keys unique to the run. */
  readonly run: string
  readonly amount: number
}

export interface LoadResult {
  /** Requests answered in the measured time with 201 and COMPLETED. */
  readonly completed: number
  readonly perSecond: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly max: number
  /** Everything of the run, warm-up and tail included. */
  readonly statuses: Readonly<Record<string, number>>
}

class Load {
  private readonly spec: LoadSpec
  private readonly latencies: Array<number> = []
  private readonly statuses: Record<string, number> = {}
  private serial = 0
  private readonly from: number
  readonly until: number

  constructor(spec: LoadSpec) {
    this.spec = spec
    this.from = performance.now() + spec.warmUpMs
    this.until = this.from + spec.measureMs
  }

  request(): string {
    const { wallets, apiKey, run, amount } = this.spec
    const serial = ++this.serial
    const wallet = wallets[Math.floor(Math.random() * wallets.length)]
    const body = `{"wallet_id":"${wallet}","amount":${amount},"currency":"USD","merchant_id":"shop-${serial % 50}"}`
    return (
      "POST /api/v1/payments HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nPrefer: wait=30\r\n" +
      `Authorization: Bearer ${apiKey}\r\nIdempotency-Key: ${run}-${serial}\r\n` +
      `Content-Length: ${body.length}\r\n\r\n${body}`
    )
  }

  note(reply: Reply, began: number): void {
    const now = performance.now()
    const done = reply.status === 201 && reply.body.includes('"status":"COMPLETED"')
    const name = reply.status === 201 && !done ? "201 not completed" : String(reply.status || reply.body)
    this.statuses[name] = (this.statuses[name] ?? 0) + 1
    if (done && now >= this.from && now < this.until) this.latencies.push(now - began)
  }

  result(): LoadResult {
    const sorted = this.latencies.sort((a, b) => a - b)
    return {
      completed: sorted.length,
      perSecond: (sorted.length / this.spec.measureMs) * 1000,
      p50: percentile(sorted, 0.5),
      p95: percentile(sorted, 0.95),
      p99: percentile(sorted, 0.99),
      max: sorted.at(-1) ?? Number.NaN,
      statuses: this.statuses
    }
  }
}

const closedLoop = (load: Load, connections: ReadonlyArray<Connection>) =>
  Promise.all(
    connections.map(async (connection) => {
      while (performance.now() < load.until) {
        const began = performance.now()
        load.note(await connection.exchange(load.request()), began)
      }
    })
  )

/** Sends what is due each millisecond, on a free connection or a new one; latency counts from the due time. */
const openLoop = async (load: Load, connections: ReadonlyArray<Connection>, rate: number, more: () => Connection) => {
  const free = [...connections]
  const running = new Set<Promise<void>>()
  const every = 1000 / rate
  const send = (due: number) => {
    const connection = free.pop() ?? more()
    const done = connection.exchange(load.request()).then((reply) => {
      load.note(reply, due)
      free.push(connection)
      running.delete(done)
    })
    running.add(done)
  }
  for (let due = performance.now(); due < load.until; ) {
    for (const now = performance.now(); due <= now; due += every) send(due)
    await Bun.sleep(1)
  }
  await Promise.all(running)
}

const generate = async (spec: LoadSpec): Promise<LoadResult> => {
  const open = () => new Connection(spec.url)
  const connections = Array.from({ length: spec.connections }, open)
  const load = new Load(spec)
  setTimeout(() => console.log("measuring"), spec.warmUpMs)
  setTimeout(() => console.log("measured"), spec.warmUpMs + spec.measureMs)
  if (spec.rate === undefined) await closedLoop(load, connections)
  else await openLoop(load, connections, spec.rate, open)
  return load.result()
}

if (import.meta.main) {
  const spec = JSON.parse(await Bun.stdin.text()) as LoadSpec
  const result = await generate(spec)
  await Bun.sleep(20) // "measured" is said before the result
  console.log(JSON.stringify(result))
  process.exit(0)
}
