/** The check of every scenario has teeth: each planted mistake is found, and named. */
import { afterAll, expect, test } from "bun:test"
import { holdOf, paymentOf, refundOf } from "./client.ts"
import { violations } from "./conservation.ts"
import { startPlatform } from "./platform.ts"

const platform = await startPlatform()
const { api, sql } = platform
afterAll(platform.stop)

const wallet = await api.open(10_000)
const paid = paymentOf(await api.pay(wallet.id, 4_000))
await api.pay(wallet.id, 50_000)
const hold = holdOf(await api.hold(wallet.id, 500), 201)

/** Changes the database, looks, and takes the change back. */
const planted = async (change: string, back: string): Promise<string> => {
  await sql.unsafe(change)
  const found = await violations(platform)
  await sql.unsafe(back)
  return found.join("\n")
}

test("conservation: nothing is found where nothing is wrong", async () => {
  expect(await violations(platform)).toEqual([])
})

test("conservation: a wallet's row that is one unit too rich is found", async () => {
  const add = (by: number) =>
    `update wallet.wallets set balance = balance + ${by}, available = available + ${by} where id = '${wallet.id}'`
  expect(await planted(add(1), add(-1))).toBe(
    `wallet ${wallet.id}: row 5501+500, postings 5500+500, events 5500+500, last event 5500+500`
  )
})

test("conservation: a hold that keeps less than the wallet says, and gave back what it did not, is found", async () => {
  const move = (to: string, from: string) =>
    `update wallet.holds set ${to} = ${to} + 1, ${from} = ${from} - 1 where id = '${hold.id}'`
  const found = await planted(move("released_amount", "remaining_amount"), move("remaining_amount", "released_amount"))
  expect(found).toContain(`wallet ${wallet.id}: holds 1 beside its open holds`)
  expect(found).toContain(`hold ${hold.id}: row 500 0 1, postings 500 0 0`)
})

test("conservation: a merchant who is not paid leaves money in clearing", async () => {
  const rename = (from: string, to: string) =>
    `update ledger.postings set source = '${to}' where kind = 'confirm' and source = '${from}'`
  const found = await planted(rename("payments:clearing", "lost"), rename("lost", "payments:clearing"))
  expect(found).toBe("clearing holds 4000 USD, open payments are 0")
})

test("conservation: a charge that our book does not know, and a payment that says the wrong thing", async () => {
  const kind = (from: string, to: string) =>
    `update ledger.postings set destination = '${to}' where kind = 'charge' and destination = '${from}'`
  const account = "provider:stripe:charged"
  expect(await planted(kind(account, "lost"), kind("lost", account))).toContain("our book says 0, the provider 4000")
  const set = (status: string) => `update payment.payments set status = '${status}' where id = '${paid.id}'`
  expect(await planted(set("FAILED"), set("COMPLETED"))).toContain(
    `payment ${paid.id} is FAILED and keeps charges: stripe USD 4000`
  )
})

test("conservation: a refund that the merchant did not pay, and one that says it is done and is not", async () => {
  const other = await api.open(900)
  const refunded = paymentOf(await api.pay(other.id, 900))
  const id = refundOf(await api.refund(refunded.id, { amount: 300 })).id
  expect(await violations(platform)).toEqual([])
  const move = (from: string, to: string) =>
    `update ledger.postings set source = '${to}' where kind = 'refund_reserve' and source = '${from}'`
  const found = await planted(move("merchant:book-shop", "lost"), move("lost", "merchant:book-shop"))
  expect(found).toBe("merchant:book-shop holds 4900 USD, due are 4600")
  const set = (amount: number) => `update payment.refunds set amount = ${amount} where id = '${id}'`
  expect(await planted(set(301), set(300))).toContain(`payment ${refunded.id} is PARTIALLY_REFUNDED and keeps charges`)
})

test("conservation: a hole in a stream is found", async () => {
  const move = (from: number, to: number) =>
    `update journal.events set version = ${to} where stream = 'wallet-${wallet.id}' and version = ${from}`
  expect(await planted(move(2, 99), move(99, 2))).toContain(`wallet-${wallet.id} is not contiguous`)
})

test("conservation: a transfer of two amounts, or without its other half, is found", async () => {
  const [a, b] = [await api.open(100), await api.open()]
  const { id } = JSON.parse((await api.transfer(a.id, b.id, 30)).text) as { readonly id: string }
  const whole = `30 wallet-${a.id} wallet-${b.id}`
  const row = (by: number) => `update wallet.transfers set amount = amount + ${by} where id = '${id}'`
  expect(await planted(row(1), row(-1))).toBe(
    `transfer ${id}: events ${whole}, row 31 wallet-${a.id} wallet-${b.id}, posting ${whole}`
  )
  const half = (from: string, to: string) =>
    `update journal.events set type = '${to}' where type = '${from}' and stream = 'wallet-${b.id}'`
  const found = await planted(half("TransferReceived", "Lost"), half("Lost", "TransferReceived"))
  expect(found).toContain(`transfer ${id}: events none, row ${whole}, posting ${whole}`)
  const posting = (by: number) =>
    `update ledger.postings set amount = amount + ${by} where payment_id = '${id}' and kind = 'transfer'`
  expect(await planted(posting(1), posting(-1))).toContain(`wallet ${b.id}: row 30+0, postings 31+0`)
})

test("conservation: a withdrawal that went elsewhere is found, by verify too", async () => {
  const from = await api.open(100)
  const { id } = JSON.parse((await api.withdraw(from.id, 40)).text) as { readonly id: string }
  const set = (status: string) => `update wallet.withdrawals set status = '${status}' where id = '${id}'`
  expect(await planted(set("settled"), set("pending"))).toBe(`withdrawal ${id}: row 40 settled, postings 40 pending`)
  const to = (account: string) => `update ledger.postings set destination = '${account}' where payment_id = '${id}'`
  expect(await planted(to("lost"), to("withdrawals:clearing"))).toBe(
    `withdrawal ${id}: row 40 pending, postings 40 wrong`
  )
  await sql.unsafe(to("lost"))
  const verified = JSON.parse((await api.post("/api/v1/ops/consistency/verify")).text)
  await sql.unsafe(to("withdrawals:clearing"))
  const found = verified.inconsistencies.map(({ kind, stream }: Found) => `${kind} ${stream}`)
  expect(found).toContain("clearing_differs withdrawals:clearing")
})

interface Found {
  readonly kind: string
  readonly stream: string
}
