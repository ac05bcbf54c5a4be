/** Messages that come again, messages nobody can read, and memories that no longer fit (CASES B8). */
import { afterAll, expect, test } from "bun:test"
import { topicPartition } from "../../shared/contract/topics.ts"
import { codeOf, paymentOf, problemOf, unique, type Wallet } from "./client.ts"
import { violations } from "./conservation.ts"
import { eventually } from "./eventually.ts"
import { startPlatform } from "./platform.ts"
import { countOf } from "./records.ts"

const SNAPSHOT_EVERY = 5
const platform = await startPlatform({ env: { SNAPSHOT_EVERY: String(SNAPSHOT_EVERY) } })
const { api, sim, sql } = platform
afterAll(platform.stop)

const paid = async (wallet: Wallet, amount: number) => paymentOf(await api.pay(wallet.id, amount))

test("F52 P14 every message is delivered again after a restart: nothing happens twice", async () => {
  const wallet = await api.open(100_000)
  for (let i = 0; i < 5; i++) await paid(wallet, 1_000)
  expect(codeOf(await api.pay(wallet.id, 900_000))).toBe("400 INSUFFICIENT_FUNDS")
  expect(await violations(platform)).toEqual([])
  await platform.terminate()
  const counts = async () => [
    await countOf(sql, "journal.events"),
    await countOf(sql, "ledger.postings"),
    Number((await sql`select count(*) from notification.notifications`)[0]?.["count"])
  ]
  const before = await counts()
  const moved = await sql`update bus.offsets set next = 0 where next > 0`
  expect(moved.count).toBeGreaterThan(0)
  await platform.restart()
  await eventually(
    "everything is read again",
    async () =>
      await sql`select grp, tp, o.next from bus.offsets o join bus.partitions p using (tp) where o.next < p.next`,
    ({ length }) => length === 0
  )
  expect(await counts()).toEqual(before)
  expect((await sim.ledger()).filter(({ kind }) => kind === "charge")).toHaveLength(5)
  expect((await api.wallet(wallet.id)).balance).toBe(95_000)
  await paid(wallet, 1_000)
  expect(await violations(platform)).toEqual([])
})

test("F12 P95 a snapshot of another or of no schema is ignored: the wallet is what its events say", async () => {
  const wallet = await api.open(100_000)
  for (let i = 0; i < SNAPSHOT_EVERY; i++) await paid(wallet, 1_000)
  const stream = `wallet-${wallet.id}`
  expect(await sql`select 1 from journal.snapshots where stream = ${stream}`).toHaveLength(1)
  await platform.terminate()
  await sql`update journal.snapshots set schema = schema + 1, version = 1,
    state = replace(state, '"balance"', '"saldo"') where stream = ${stream}`
  await platform.restart()
  await paid(wallet, 1_000)
  expect((await api.wallet(wallet.id)).balance).toBe(100_000 - (SNAPSHOT_EVERY + 1) * 1_000)
  const { error } = problemOf(await api.pay(wallet.id, 100_000), 400)
  expect(error.details).toMatchObject({ available_balance: 94_000, deficit_amount: 6_000 })
})

/** A user whose wallet commands come through the same partition. */
const neighbourOf = (tp: number): string => {
  for (;;) {
    const user = unique("neighbour")
    if (topicPartition("wallet-commands", `default/${user}`) === tp) return user
  }
}

/** What nobody can read, at the next offset of a partition, as if it had been committed there. */
const poison = async (tp: number, body: string) => {
  const [row] = await sql<[{ off: bigint }]>`
    update bus.partitions set next = next + 1 where tp = ${tp} returning next - 1 as off`
  await sql`insert into bus.log (tp, off, body) values (${tp}, ${row.off}, ${body})`
  return row.off
}

test("P85 P84 messages nobody can read: dead letters with their cause; others of the partition go on", async () => {
  const victim = await api.open(50_000)
  const tp = topicPartition("wallet-commands", `default/${victim.user_id}`)
  const neighbour = await api.open(50_000, "USD", neighbourOf(tp))
  await paid(victim, 100)
  await platform.terminate()
  const garbage = await poison(tp, "this is no message \u{1F4A5}")
  const unknown = await poison(
    tp,
    JSON.stringify({
      id: "01935d6e-7c3a-7b1e-9a44-3f7c1f0f2a01",
      type: "BurnWallet",
      subject: `wallet-${victim.id}`,
      partitionkey: `default/${victim.user_id}`,
      time: "2026-11-25T00:00:00.000Z",
      data: {}
    })
  )
  await platform.restart()
  const letters = await eventually(
    "the dead letters",
    async () => [
      ...(await sql<Array<{ off: bigint; service: string; error_class: string; body: string; unit: string }>>`
        select off, service, error_class, body, unit, error, history from bus.dead_letters order by off`)
    ],
    ({ length }) => length === 2
  )
  expect(letters).toMatchObject([
    { off: garbage, service: "wallet", error_class: "decode", body: expect.stringContaining("no message") },
    { off: unknown, service: "wallet", error_class: "decode", unit: `wallet-${victim.id}` }
  ])
  expect(await platform.metric("dead_letters_total", '{class="decode",service="wallet"}')).toBe(2)
  for (let i = 0; i < 3; i++) await paid(neighbour, 1_000)
  expect((await api.wallet(neighbour.id)).balance).toBe(47_000)
})

test("P84 later messages of the poisoned wallet wait in order; its balance is untouched", async () => {
  const [victim] = await sql<Array<{ id: string; balance: bigint }>>`
    select w.id, w.balance from wallet.wallets w join bus.dead_letters d on d.unit = 'wallet-' || w.id`
  const wallet = String(victim?.id)
  const answer = await api.pay(wallet, 100, { prefer: "wait=1" })
  const { id } = paymentOf(answer, 202)
  const parked = await eventually(
    "parked",
    async () => [
      ...(await sql<Array<{ body: string }>>`
      select body from bus.parked_messages where unit = ${`wallet-${wallet}`} order by seq`)
    ],
    ({ length }) => length > 0
  )
  expect(parked.map(({ body }) => JSON.parse(body).type)[0]).toBe("CheckWalletBalance")
  expect((await api.wallet(wallet)).balance).toBe(Number(victim?.balance))
  expect(await sim.wire(id)).toEqual([])
})

test("P85 conservation of money, with the dead letters and the waiting payment", async () => {
  expect(await violations(platform, { deadLetters: 2, open: 1 })).toEqual([])
})
