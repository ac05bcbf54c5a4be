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
  /** Refunds that a test leaves pending on purpose. */
  readonly pending?: number
}

const KEPT = ["COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED"]
const ENDED = [...KEPT, "FAILED", "CANCELLED"]

/** At rest nothing is under way any more, and every user whose payment has ended was told. */
export const violations = async (
  { sql, sim }: Pick<Platform, "sql" | "sim">,
  expected: Expected = {}
): Promise<ReadonlyArray<string>> => {
  const { open = 0, pending = 0, deadLetters = 0 } = expected
  await eventually(
    "the platform comes to rest",
    () => underWay(sql),
    (now) =>
      now.payments === open && now.sagas === open && now.attempts <= open && now.refunds === pending && now.untold === 0
  )
  const dead = Number((await sql`select count(*) from bus.dead_letters where status = 'dead'`)[0]?.["count"])
  return [
    ...(dead === deadLetters ? [] : [`${dead} dead letters, ${deadLetters} expected`]),
    ...(await wallets(sql)),
    ...(await holds(sql)),
    ...(await clearing(sql)),
    ...(await refundsClearing(sql)),
    ...(await merchants(sql)),
    ...(await transfers(sql)),
    ...(await withdrawals(sql)),
    ...(await streams(sql)),
    ...(await charges(sql, await sim.ledger()))
  ]
}

const underWay = async (sql: Sql) => {
  const [row] = await sql<
    [{ payments: number; sagas: number; attempts: number; refunds: number; untold: number }]
  >`select
    (select count(*)::int from payment.payments where status <> all(${ENDED})) as payments,
    (select count(*)::int from saga.sagas where status not in ('COMPLETED', 'FAILED')) as sagas,
    (select count(*)::int from gateway.attempts
      where status in ('STARTED', 'UNKNOWN', 'PENDING', 'REVIEW', 'REVERSING')) as attempts,
    (select count(*)::int from payment.refunds where status = 'pending') as refunds,
    (select count(*)::int from payment.payments p where status = any(${ENDED}) and
      (select count(*) from notification.notifications n where n.payment_id = p.id) <>
        1 + (select count(*) from payment.refunds r where r.payment_id = p.id and r.status <> 'pending')) as untold`
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
            when type in ('TransferSent', 'WithdrawalRequested') then -amount
            when type = 'WithdrawalSettled' then 0 else amount end)::bigint as available,
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

/** What is set aside for refunds belongs to those that are pending. */
const refundsClearing = async (sql: Sql): Promise<ReadonlyArray<string>> => {
  const rows = await sql<Array<{ currency: string; holds: bigint; pending: bigint }>>`
    with ${book(sql)}, pending as (select r.currency, sum(r.amount)::bigint as amount from payment.refunds r
      where r.status = 'pending' group by r.currency)
    select currency, coalesce(b.holds, 0) as holds, coalesce(p.amount, 0) as pending
    from (select * from book where account = 'refunds:clearing') b full join pending p using (currency)`
  return rows
    .filter(({ holds, pending }) => holds !== pending)
    .map(({ currency, holds, pending }) => `refunds clearing holds ${holds} ${currency}, pending are ${pending}`)
}

/** A merchant has what was paid to him or captured, less what went back or is set aside to go back. */
const merchants = async (sql: Sql): Promise<ReadonlyArray<string>> => {
  const rows = await sql<Array<{ account: string; currency: string; holds: bigint; due: bigint }>>`
    with ${book(sql)}, part as (
      select 'merchant:' || p.merchant_id as account, p.currency, p.amount - coalesce((select sum(r.amount)
        from payment.refunds r where r.payment_id = p.id and r.status <> 'failed'), 0) as amount
        from payment.payments p where p.status = any(${KEPT})
      union all select destination, currency, amount from ledger.postings where kind = 'capture'),
    due as (select account, currency, sum(amount)::bigint as due from part group by account, currency)
    select account, currency, coalesce(b.holds, 0) as holds, coalesce(d.due, 0) as due
    from (select * from book where account like 'merchant:%') b full join due d using (account, currency)`
  return rows
    .filter(({ holds, due }) => holds !== due)
    .map(({ account, currency, holds, due }) => `${account} holds ${holds} ${currency}, due are ${due}`)
}

/** A transfer has its row, its posting and both of its events, all of the same amount; or there is nothing of it. */
const transfers = async (sql: Sql): Promise<ReadonlyArray<string>> => {
  const rows = await sql<Array<{ id: string; told: string; row: string; posted: string }>>`
    with half as (select data ->> 'transfer_id' as id, type, data ->> 'amount' as amount, stream,
        coalesce(data ->> 'destination_wallet_id', data ->> 'source_wallet_id') as other
      from (select type, stream, body::json -> 'data' as data from journal.events
        where type in ('TransferSent', 'TransferReceived')) of),
    told as (select s.id, s.amount || ' ' || s.stream || ' wallet-' || s.other as told
      from half s join half r on r.id = s.id and r.type = 'TransferReceived' and r.amount = s.amount
        and r.stream = 'wallet-' || s.other and s.stream = 'wallet-' || r.other where s.type = 'TransferSent'),
    ids as (select id from half union select id from wallet.transfers
      union select payment_id from ledger.postings where kind = 'transfer')
    select ids.id, coalesce(told, 'none') as told,
      coalesce(t.amount || ' wallet-' || source_wallet_id || ' wallet-' || destination_wallet_id, 'none') as row,
      coalesce(p.amount || ' ' || replace(source || ' ' || destination, ':', '-'), 'none') as posted
    from ids left join told using (id) left join wallet.transfers t using (id)
      left join ledger.postings p on p.payment_id = ids.id and p.kind = 'transfer'`
  return rows
    .filter(({ told, row, posted }) => told !== row || told !== posted)
    .map(({ id, told, row, posted }) => `transfer ${id}: events ${told}, row ${row}, posting ${posted}`)
}

/** What is on its way out belongs to withdrawals that are pending; what is settled is gone, what failed is back. */
const withdrawals = async (sql: Sql): Promise<ReadonlyArray<string>> => {
  const rows = await sql<Array<{ id: string; row: string; posted: string }>>`
    select coalesce(w.id, p.payment_id) as id, coalesce(w.amount || ' ' || w.status, 'none') as row,
      coalesce(p.posted, 'none') as posted
    from wallet.withdrawals w full join (select payment_id, max(amount) || ' ' || case
          when count(*) filter (where kind = 'withdrawal') <> 1 or count(*) > 2 or min(amount) <> max(amount)
            or not bool_and('withdrawals:clearing' in (source, destination))
          then 'wrong'
          when bool_or(kind = 'withdrawal_paid') then 'settled'
          when bool_or(kind = 'withdrawal_back') then 'failed' else 'pending' end as posted
        from ledger.postings where kind like 'withdrawal%' group by payment_id) p on p.payment_id = w.id`
  return rows
    .filter(({ row, posted }) => row !== posted)
    .map(({ id, row, posted }) => `withdrawal ${id}: row ${row}, postings ${posted}`)
}

const streams = async (sql: Sql): Promise<ReadonlyArray<string>> => {
  const rows = await sql<Array<{ stream: string }>>`
    select stream from journal.events group by tp, stream having count(*) <> max(version) or min(version) <> 1`
  return rows.map(({ stream }) => `${stream} is not contiguous`)
}

/** The providers' own ledger decides what is kept: a completed payment's charge less its refunds, else nothing. */
const charges = async (sql: Sql, ledger: ReadonlyArray<Movement>): Promise<ReadonlyArray<string>> => {
  const taken = new Map<string, bigint>()
  const kept = new Map<string, Map<string, bigint>>()
  const add = (to: Map<string, bigint>, key: string, amount: bigint) => to.set(key, (to.get(key) ?? 0n) + amount)
  for (const { provider, kind, payment_id, amount, currency } of ledger) {
    if (kind === "void") continue
    const moved = kind === "charge" ? BigInt(amount) : -BigInt(amount)
    add(taken, `provider:${provider}:charged ${currency}`, moved)
    const of = kept.get(payment_id ?? "") ?? new Map<string, bigint>()
    kept.set(payment_id ?? "", of)
    add(of, `${provider} ${currency}`, moved)
  }
  const told = (of: ReadonlyMap<string, bigint> = new Map()) =>
    [...of].flatMap(([where, amount]) => (amount === 0n ? [] : `${where} ${amount}`)).join(", ")
  const found: Array<string> = []
  const payments = await sql<Array<{ id: string; is: string; at: string; owes: bigint }>>`
    select p.id::text, p.status as is, p.provider || ' ' || p.currency as at, (p.amount - coalesce((select sum(r.amount)
      from payment.refunds r where r.payment_id = p.id and r.status = 'succeeded'), 0))::bigint as owes
    from payment.payments p`
  for (const { id, is, at, owes } of payments) {
    const has = told(kept.get(id))
    if (has !== (KEPT.includes(is) ? told(new Map([[at, owes]])) : ""))
      found.push(`payment ${id} is ${is} and keeps charges: ${has}`)
    kept.delete(id)
  }
  for (const [id, of] of kept) if (told(of) !== "") found.push(`charged for unknown payment ${id}: ${told(of)}`)
  const books = await sql<Array<{ account: string; holds: bigint }>>`
    with ${book(sql)} select account || ' ' || currency as account, holds from book where account like '%:charged'`
  const ours = new Map(books.map(({ account, holds }) => [account, holds]))
  for (const account of new Set([...taken.keys(), ...ours.keys()])) {
    const [says, theirs] = [ours.get(account) ?? 0n, taken.get(account) ?? 0n]
    if (says !== theirs) found.push(`${account}: our book says ${says}, the provider ${theirs}`)
  }
  return found
}
