/** What cannot be applied: parked, looked at, discarded or redriven by an operator, healed by itself (P84, F56). */
import { afterAll, expect, test } from "bun:test"
import { encodeCommand } from "../../shared/contract/codec.ts"
import type { Message } from "../../shared/contract/envelope.ts"
import { type Currency, minor } from "../../shared/contract/money.ts"
import { topicPartition } from "../../shared/contract/topics.ts"
import { uuidv5 } from "../../shared/runtime/ids.ts"
import { paymentOf, problemOf, unique, type Wallet } from "./client.ts"
import { violations } from "./conservation.ts"
import { eventually } from "./eventually.ts"
import { startPlatform } from "./platform.ts"
import { streamOf } from "./records.ts"

const platform = await startPlatform({ env: { DEAD_LETTER_BACKOFF_MS: "200", DEAD_LETTER_REDRIVES_MAX: "6" } })
const { api, sql } = platform
afterAll(platform.stop)

const D = "/api/v1/ops/dead-letters"
interface Letter {
  readonly id: string
  readonly status: string
  readonly service: string
  readonly unit: string
  readonly error_class: string
  readonly error: string
  readonly waiting: number
  readonly redrives: number
  readonly next_redrive_at: string | null
  readonly message: { readonly type: string } | null
  readonly raw: string | null
  readonly analysis: { readonly by_itself: string; readonly means: string }
  readonly history: ReadonlyArray<{ readonly outcome: string; readonly redrive: number; readonly actor?: string }>
  readonly last_events: ReadonlyArray<{ readonly type: string }>
}
const lettersOf = async (wallet: Wallet): Promise<ReadonlyArray<Letter>> =>
  JSON.parse((await api.get(`${D}?unit=wallet-${wallet.id}&order=oldest`)).text).data
const letterOf = (wallet: Wallet) =>
  eventually(
    "a dead letter",
    async () => (await lettersOf(wallet))[0],
    (letter) => letter !== undefined
  ) as Promise<Letter>
const letter = async (id: string): Promise<Letter> => JSON.parse((await api.get(`${D}/${id}`)).text)
const until = (id: string, holds: (letter: Letter) => boolean) => eventually(`letter ${id}`, () => letter(id), holds)
const act = (id: string, verb: "redrive" | "discard", reason = "mended") => api.post(`${D}/${id}/${verb}`, { reason })

const commandsOf = (user: string) => topicPartition("wallet-commands", `default/${user}`)
const userIn = (tp: number): string => {
  for (;;) {
    const user = unique("neighbour")
    if (commandsOf(user) === tp) return user
  }
}
const crediting = (wallet: Wallet, reference: string): Message => {
  const id = uuidv5(wallet.id, reference)
  const data = { wallet_id: wallet.id, credit_id: id, amount: minor(1n), currency: "USD" as Currency, reference }
  return {
    id,
    type: "CreditWallet",
    subject: `wallet-${wallet.id}`,
    time: 0,
    tenant: "default",
    partitionkey: `default/${wallet.user_id}`,
    correlationid: wallet.id,
    causationid: id,
    actor: "service:test",
    schema: 1,
    data
  }
}
/** At the next offsets of a partition, as if somebody had committed them there; the platform is down. */
const inLog = async (tp: number, bodies: ReadonlyArray<string>) => {
  const [row] = await sql<[{ off: bigint }]>`
    update bus.partitions set next = next + ${bodies.length} where tp = ${tp} returning next - ${bodies.length} as off`
  const rows = bodies.map((body, n) => ({ tp, off: row.off + BigInt(n), body }))
  await sql`insert into bus.log ${sql(rows)}`
}
const references = async (wallet: Wallet) =>
  (await streamOf(platform, `wallet-${wallet.id}`)).flatMap(({ type, data }) =>
    type === "WalletCredited" && data["reference"] !== "top-up" ? [String(data["reference"])] : []
  )
const PROGRESS_WITHIN_MS = 5_000

test("P84 a malformed record for A, 1000 good ones for others behind it: they go on, A waits in order", async () => {
  const a = await api.open(10_000)
  const tp = commandsOf(a.user_id)
  const others = await Promise.all(Array.from({ length: 4 }, () => api.open(0, "USD", userIn(tp))))
  await platform.terminate()
  const malformed = JSON.stringify({ id: a.id, type: "CreditWallet", subject: `wallet-${a.id}`, data: { amount: "x" } })
  const good = Array.from({ length: 1_000 }, (_, n) => crediting(others[n % 4] as Wallet, `good ${n}`))
  const behind = [crediting(a, "first"), ...good.slice(0, 500), crediting(a, "second"), ...good.slice(500)]
  await inLog(tp, [malformed, ...behind.map(encodeCommand)])
  const began = performance.now()
  await platform.restart()
  await eventually(
    "others progress",
    () => Promise.all(others.map(({ id }) => api.wallet(id))),
    (wallets) => wallets.every(({ balance }) => balance === 250),
    PROGRESS_WITHIN_MS
  )
  console.log(`1000 messages behind a dead letter: ${Math.round(performance.now() - began)} ms with the start`)
  const { id, error_class, waiting } = await letterOf(a)
  expect([error_class, waiting]).toEqual(["decode", 2])
  expect(await letter(id)).toMatchObject({
    status: "dead",
    raw: malformed,
    message: null,
    analysis: { by_itself: "at_every_start" },
    history: [{ outcome: "failed", redrive: 0 }]
  })
  const payment = paymentOf(await api.pay(a.id, 100, { prefer: "wait=1" }), 202)
  expect((await api.wallet(a.id)).balance).toBe(10_000)
  expect(problemOf(await act(id, "discard", ""), 400).error.details["field"]).toBe("reason")
  expect((await act(id, "discard", "nobody can have meant it")).status).toBe(202)
  await eventually(
    "A's payment",
    () => api.payment(payment.id),
    ({ status }) => status === "COMPLETED"
  )
  expect(await references(a)).toEqual(["first", "second"])
  expect(await until(id, ({ status }) => status === "discarded")).toMatchObject({ waiting: 0 })
  expect(await platform.metric("discarded_total", '{service="wallet"}')).toBe(1)
}, 60_000)

/** What the wallet's rows say to this wallet until it is mended. */
const breakWallet = async (wallet: Wallet, sqlstate: string, message: string) => {
  const name = `broken_${wallet.id.replaceAll("-", "")}`
  await sql.unsafe(`create function wallet.${name}() returns trigger language plpgsql as $$ begin
    raise exception '${message}' using errcode = '${sqlstate}'; end $$;
    create trigger ${name} before insert or update on wallet.wallets for each row
      when (new.id = '${wallet.id}') execute function wallet.${name}()`)
  return () => sql.unsafe(`drop function wallet.${name}() cascade`)
}

test("F56 a message that always fails: parked, redriven in order once it is mended, and never twice", async () => {
  const a = await api.open(10_000)
  const mend = await breakWallet(a, "22000", "told to refuse")
  const began = await Promise.all([1, 2, 3].map(() => api.pay(a.id, 100, { prefer: "respond-async" })))
  const ids = began.map((answer) => paymentOf(answer, 202).id)
  const { id } = await letterOf(a)
  expect(await letter(id)).toMatchObject({ error_class: "data", message: { type: "DeductWalletBalance" } })
  expect((await act(id, "redrive")).status).toBe(202)
  const again = await until(id, ({ redrives, status }) => redrives === 1 && status === "dead")
  expect(again.history.map(({ outcome }) => outcome)).toEqual(["failed", "failed"])
  expect(again.history[1]?.actor).toBe("operator:development")
  const neighbour = await api.open(1_000)
  expect(paymentOf(await api.pay(neighbour.id, 100)).status).toBe("COMPLETED")
  await mend()
  expect((await act(id, "redrive")).status).toBe(202)
  for (const payment of ids)
    await eventually(
      "completed",
      () => api.payment(payment),
      ({ status }) => status === "COMPLETED"
    )
  expect((await api.wallet(a.id)).balance).toBe(9_700)
  const deducted = (await streamOf(platform, `wallet-${a.id}`)).filter(({ type }) => type === "WalletDeducted")
  expect(new Set(deducted.map(({ data }) => data["payment_id"])).size).toBe(3)
  const closed = problemOf(await act(id, "redrive"), 409)
  expect([closed.error.code, closed.error.details["status"]]).toEqual(["DEAD_LETTER_CLOSED", "redriven"])
  const events = (await letter(id)).last_events.map(({ type }) => type)
  expect(events[0]).toBe("WalletDeducted")
  const audit = JSON.parse((await api.get(`/api/v1/ops/audit?target=dead_letter-${id}`)).text).data
  expect(audit.map((entry: { outcome: string }) => entry.outcome)).toEqual(["refused", "applied", "applied"])
}, 60_000)

test("what failed for a transient reason heals by itself, and says so", async () => {
  const a = await api.open(10_000)
  const mend = await breakWallet(a, "23514", "no partition of relation found for row")
  const payment = paymentOf(await api.pay(a.id, 100, { prefer: "respond-async" }), 202)
  const { id } = await letterOf(a)
  const waits = await letter(id)
  expect(waits).toMatchObject({ error_class: "transient", analysis: { by_itself: "at_its_time" } })
  await until(id, ({ redrives }) => redrives >= 1)
  await mend()
  await eventually(
    "completed",
    () => api.payment(payment.id),
    ({ status }) => status === "COMPLETED"
  )
  const healed = await until(id, ({ status }) => status === "redriven")
  expect(healed.history.at(-1)).toMatchObject({ outcome: "taken", actor: "service:wallet" })
}, 60_000)

test("many are redriven at once, oldest first; each user's own order is kept", async () => {
  const wallets = await Promise.all(Array.from({ length: 5 }, () => api.open(1_000)))
  const mends = await Promise.all(wallets.map((wallet) => breakWallet(wallet, "22000", "told to refuse")))
  const pay = (wallet: Wallet) => api.pay(wallet.id, 10, { prefer: "respond-async" })
  const payments = await Promise.all([...wallets, ...wallets].map(pay))
  const letters = await Promise.all(wallets.map(letterOf))
  await Promise.all(mends.map((mend) => mend()))
  const answer = await api.post(`${D}/redrive`, { error_class: "data", service: "wallet", reason: "mended" })
  expect(answer.status).toBe(202)
  expect(JSON.parse(answer.text).asked).toEqual(letters.map(({ id }) => id).toSorted())
  for (const payment of payments)
    await eventually(
      "completed",
      () => api.payment(paymentOf(payment, 202).id),
      ({ status }) => status === "COMPLETED"
    )
  expect(await platform.metric("dead_letters_open", '{service="wallet"}')).toBe(0)
  expect(await platform.metric("redriven_total", '{service="wallet"}')).toBeGreaterThanOrEqual(10)
}, 60_000)

test("P85 conservation of money, with no dead letter left", async () => {
  expect(await violations(platform)).toEqual([])
})
