/**
 * What must hold after every scenario: no money was made, lost or spent twice, in our books, in the wallets' rows, in
 * the event streams and at the providers. Each violation is one line; none is the expected answer.
 */
import type { Sql } from "postgres"
import type { Movement } from "./client.ts"
import { eventually } from "./eventually.ts"
import type { Platform } from "./platform.ts"

interface Expected {
  /** Messages that a test poisoned on purpose. */
  readonly deadLetters?: number
  /** Payments that a test leaves open on purpose. */
  readonly open?: number
}

const ENDED = ["COMPLETED", "FAILED", "CANCELLED"]

/** At rest nothing is under way any more, and every user whose payment has ended was told. */
export const violations = async ({ sql, sim }: Platform, expected: Expected = {}): Promise<ReadonlyArray<string>> => {
  const { open = 0, deadLetters = 0 } = expected
  await eventually(
    "the platform comes to rest",
    () => underWay(sql),
    (now) => now.payments === open && now.sagas === open && now.attempts <= open && now.untold === 0
  )
  const dead = Number((await sql`select count(*) from bus.dead_letters`)[0]?.["count"])
  return [
    ...(dead === deadLetters ? [] : [`${dead} dead letters, ${deadLetters} expected`]),
    ...(await wallets(sql)),
    ...(await clearing(sql)),
    ...(await streams(sql)),
    ...(await charges(sql, await sim.ledger()))
  ]
}

const underWay = async (sql: Sql) => {
  const [row] = await sql<[{ payments: number; sagas: number; attempts: number; untold: number }]>`select
    (select count(*)::int from payment.payments where status <> all(${ENDED})) as payments,
    (select count(*)::int from saga.sagas where status not in ('COMPLETED', 'FAILED')) as sagas,
    (select count(*)::int from gateway.attempts
      where status in ('STARTED', 'UNKNOWN', 'PENDING', 'REVIEW', 'REVERSING')) as attempts,
    (select count(*)::int from payment.payments p where status = any(${ENDED}) and
      (select count(*) from notification.notifications n where n.payment_id = p.id) <> 1) as untold`
  return row
}

const book = (sql: Sql) => sql`book as (
  select account, currency, sum(amount)::bigint as holds from (
    select destination as account, currency, amount from ledger.postings
    union all select source, currency, -amount from ledger.postings
  ) movement group by account, currency)`

/** A wallet's row, its postings and its events say the same. */
const wallets = async (sql: Sql): Promise<ReadonlyArray<string>> => {
  const rows = await sql<Array<{ id: string; row: bigint; posted: bigint; folded: bigint; told: bigint }>>`
    with ${book(sql)}, facts as (
      select stream, sum(case type when 'WalletDeducted' then -amount else amount end)::bigint as folded,
        (array_agg(balance order by version desc))[1] as told
      from (select stream, version, type, (body::json -> 'data' ->> 'amount')::bigint as amount,
          (body::json -> 'data' ->> 'balance')::bigint as balance
        from journal.events where type in ('WalletCredited', 'WalletDeducted', 'WalletRefunded')) money group by stream)
    select w.id, w.balance as row, coalesce(b.holds, 0) as posted, coalesce(f.folded, 0) as folded,
      coalesce(f.told, 0) as told
    from wallet.wallets w left join book b on b.account = 'wallet:' || w.id and b.currency = w.currency
    left join facts f on f.stream = 'wallet-' || w.id`
  return rows
    .filter(({ row, posted, folded, told }) => row !== posted || row !== folded || row !== told)
    .map((it) => `wallet ${it.id}: row ${it.row}, postings ${it.posted}, events ${it.folded}, last event ${it.told}`)
}

/** What was taken from wallets and is neither with a merchant nor back belongs to open payments. */
const clearing = async (sql: Sql): Promise<ReadonlyArray<string>> => {
  const rows = await sql<Array<{ currency: string; holds: bigint; open: bigint }>>`
    with ${book(sql)}, open as (select p.currency, sum(p.amount)::bigint as amount from payment.payments p
      where p.status <> all(${ENDED})
        and exists (select 1 from ledger.postings l where l.payment_id = p.id::text and l.kind = 'deduct')
        and not exists (select 1 from ledger.postings l where l.payment_id = p.id::text and l.kind = 'compensation')
      group by p.currency)
    select currency, coalesce(b.holds, 0) as holds, coalesce(o.amount, 0) as open
    from (select * from book where account = 'payments:clearing') b full join open o using (currency)`
  return rows
    .filter(({ holds, open }) => holds !== open)
    .map(({ currency, holds, open }) => `clearing holds ${holds} ${currency}, open payments are ${open}`)
}

const streams = async (sql: Sql): Promise<ReadonlyArray<string>> => {
  const rows = await sql<Array<{ stream: string }>>`
    select stream from journal.events group by tp, stream having count(*) <> max(version) or min(version) <> 1`
  return rows.map(({ stream }) => `${stream} is not contiguous`)
}

/** The providers' own ledger decides what was charged: once for a completed payment, nothing kept for others. */
const charges = async (sql: Sql, ledger: ReadonlyArray<Movement>): Promise<ReadonlyArray<string>> => {
  const taken = new Map<string, bigint>()
  const kept = new Map<string, Array<string>>()
  for (const { provider, kind, payment_id, amount, currency } of ledger) {
    if (kind === "void") continue
    const sign = kind === "charge" ? 1n : -1n
    const account = `provider:${provider}:charged ${currency}`
    taken.set(account, (taken.get(account) ?? 0n) + sign * BigInt(amount))
    const charge = `${provider} ${amount} ${currency}`
    const of = kept.get(payment_id ?? "") ?? []
    kept.set(payment_id ?? "", kind === "charge" ? [...of, charge] : of.toSpliced(of.indexOf(charge), 1))
  }
  const found: Array<string> = []
  const payments = await sql<Array<{ id: string; is: string; owes: string }>>`
    select id::text, status as is, provider || ' ' || amount || ' ' || currency as owes from payment.payments`
  for (const { id, is, owes } of payments) {
    const has = (kept.get(id) ?? []).join(", ")
    if (has !== (is === "COMPLETED" ? owes : "")) found.push(`payment ${id} is ${is} and keeps charges: ${has}`)
    kept.delete(id)
  }
  for (const [id, charges] of kept) if (charges.length > 0) found.push(`charged for unknown payment ${id}: ${charges}`)
  const books = await sql<Array<{ account: string; holds: bigint }>>`
    with ${book(sql)} select account || ' ' || currency as account, holds from book where account like '%:charged'`
  const told = new Map(books.map(({ account, holds }) => [account, holds]))
  for (const account of new Set([...taken.keys(), ...told.keys()])) {
    const [ours, theirs] = [told.get(account) ?? 0n, taken.get(account) ?? 0n]
    if (ours !== theirs) found.push(`${account}: our book says ${ours}, the provider ${theirs}`)
  }
  return found
}
