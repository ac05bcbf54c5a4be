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
  const dead = Number((await sql`select count(*) from bus.dead_letters where status = 'dead'`)[0]?.["count"])
  return [
    ...(dead === deadLetters ? [] : [`${dead} dead letters, ${deadLetters} expected`]),
    ...(await wallets(sql)),
    ...(await holds(sql)),
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

/** A wallet's row, its postings, its events and its open holds say the same: what is available, and what is held. */
const wallets = async (sql: Sql): Promise<ReadonlyArray<string>> => {
  const rows = await sql<
    Array<{ id: string; row: string; posted: string; folded: string; told: string; open: bigint }>
  >`
    with ${book(sql)}, facts as (
      select stream, version, type, (data ->> 'amount')::bigint as amount, (data ->> 'balance')::bigint as balance,
          (data ->> 'available')::bigint as available
        from (select stream, version, type, body::json -> 'data' as data from journal.events
          where stream like 'wallet-%') of where data ->> 'balance' is not null
    ), folded as (
      select stream,
          sum(case when type in ('WalletDeducted', 'FundsHeld') then -amount when type = 'HoldCaptured' then 0
            else amount end)::bigint as available,
          sum(case when type = 'FundsHeld' then amount when type like 'Hold%' then -amount else 0 end)::bigint as held,
          (array_agg(available || '+' || balance - available order by version desc))[1] as told
        from facts group by stream)
    select w.id, w.available || '+' || w.held as row, coalesce(f.told, '0+0') as told,
      coalesce(b.holds, 0) || '+' || coalesce(h.holds, 0) as posted,
      coalesce(f.available, 0) || '+' || coalesce(f.held, 0) as folded,
      w.held - coalesce((select sum(remaining_amount) from wallet.holds where wallet_id = w.id), 0)::bigint as open
    from wallet.wallets w left join book b on b.account = 'wallet:' || w.id and b.currency = w.currency
    left join book h on h.account = 'wallet:' || w.id || ':held' and h.currency = w.currency
    left join folded f on f.stream = 'wallet-' || w.id`
  return [
    ...rows
      .filter(({ row, posted, folded, told }) => row !== posted || row !== folded || row !== told)
      .map((it) => `wallet ${it.id}: row ${it.row}, postings ${it.posted}, events ${it.folded}, last event ${it.told}`),
    ...rows.filter(({ open }) => open !== 0n).map((it) => `wallet ${it.id}: holds ${it.open} beside its open holds`)
  ]
}

/** A hold's row and its postings say the same: what was held, what the merchant got, what went back. */
const holds = async (sql: Sql): Promise<ReadonlyArray<string>> => {
  const rows = await sql<Array<{ id: string; row: string; posted: string }>>`
    select h.id, amount || ' ' || captured_amount || ' ' || released_amount as row,
      p.held || ' ' || p.captured || ' ' || p.released as posted
    from wallet.holds h left join lateral (
      select coalesce(sum(amount) filter (where kind = 'hold'), 0)::bigint as held,
          coalesce(sum(amount) filter (where kind = 'capture'), 0)::bigint as captured,
          coalesce(sum(amount) filter (where kind like 'hold_%'), 0)::bigint as released
        from ledger.postings where payment_id = h.id) p on true`
  return rows
    .filter(({ row, posted }) => row !== posted)
    .map(({ id, row, posted }) => `hold ${id}: row ${row}, postings ${posted}`)
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
