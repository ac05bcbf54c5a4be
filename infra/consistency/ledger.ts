/** Sums over the ledger, in SQL: what differs and nothing else, at most so much of it. */
import { query } from "../../shared/runtime/postgres.ts"

const DIFFERENCES_MAX = 200

const BOOK = `book as (
  select account, currency, sum(amount) as holds from (
    select destination as account, currency, amount from ledger.postings
    union all select source, currency, -amount from ledger.postings) m group by account, currency)`

/** Available money is `wallet:{id}`, held money `wallet:{id}:held`, in the wallet's own currency and no other. */
export const accountsThatDiffer = query<{
  wallet: string
  account: string
  currency: string
  shown: string | null
  posted: string
}>((sql) =>
  sql.unsafe(`with ${BOOK}, shown as (
      select 'wallet:' || id as account, currency, available as amount from wallet.wallets
      union all select 'wallet:' || id || ':held', currency, held from wallet.wallets where held <> 0)
    select split_part(account, ':', 2) as wallet, account, currency, s.amount::text as shown,
      coalesce(b.holds, 0)::text as posted
    from shown s full join (select * from book where account like 'wallet:%') b using (account, currency)
    where coalesce(s.amount, 0) <> coalesce(b.holds, 0) order by account limit ${DIFFERENCES_MAX}`)
)

/** Open and not undone: what left a wallet for it has not arrived anywhere. */
export const clearingThatDiffers = query<{ currency: string; holds: string; open: string }>((sql) =>
  sql.unsafe(`with holds as (
      select currency, sum(case when destination = 'payments:clearing' then amount else -amount end) as amount
      from ledger.postings where destination = 'payments:clearing' or source = 'payments:clearing' group by currency),
    open as (select p.currency, sum(p.amount) as amount from payment.payments p
      where p.status in ('INITIATED', 'VALIDATED')
        and exists (select 1 from ledger.postings l where l.payment_id = p.id::text and l.kind = 'deduct')
        and not exists (select 1 from ledger.postings l where l.payment_id = p.id::text and l.kind = 'compensation')
      group by p.currency)
    select currency, coalesce(h.amount, 0)::text as holds, coalesce(o.amount, 0)::text as open
    from holds h full join open o using (currency) where coalesce(h.amount, 0) <> coalesce(o.amount, 0)`)
)

/** What left wallets and is neither paid out nor back belongs to withdrawals under way. */
export const withdrawalsThatDiffer = query<{ currency: string; holds: string; open: string }>((sql) =>
  sql.unsafe(`with holds as (
      select currency, sum(case when destination = 'withdrawals:clearing' then amount else -amount end) as amount
      from ledger.postings where 'withdrawals:clearing' in (source, destination) group by currency),
    open as (select currency, sum(amount) as amount from wallet.withdrawals where status = 'pending' group by currency)
    select currency, coalesce(h.amount, 0)::text as holds, coalesce(o.amount, 0)::text as open
    from holds h full join open o using (currency) where coalesce(h.amount, 0) <> coalesce(o.amount, 0)`)
)

export const totalsThatDiffer = query<{ currency: string; total: string }>((sql) =>
  sql.unsafe(
    `with ${BOOK} select currency, sum(holds)::text as total from book group by currency having sum(holds) <> 0`
  )
)

/** What each payment has with each provider by our own book: charges less what was given back. */
export const chargedFor = (payments: ReadonlyArray<string>) =>
  query<{ payment_id: string; provider: string; currency: string; amount: string }>((sql) =>
    sql.unsafe(
      `select u.payment_id, m.provider, m.currency, sum(m.amount)::text as amount
       from unnest($1::text[]) u(payment_id) cross join lateral (
         select split_part(l.destination, ':', 2) as provider, l.currency, l.amount from ledger.postings l
           where l.payment_id = u.payment_id and l.destination like 'provider:%:charged'
         union all select split_part(l.source, ':', 2), l.currency, -l.amount from ledger.postings l
           where l.payment_id = u.payment_id and l.source like 'provider:%:charged') m
       group by u.payment_id, m.provider, m.currency having sum(m.amount) <> 0`,
      [payments] as never
    )
  )

/** Under way, with an attempt whose end nobody knows yet, or with a refund asked for: one side may be ahead. */
export const underWay = (payments: ReadonlyArray<string>) =>
  query<{ payment_id: string }>((sql) =>
    sql.unsafe(
      `select u.payment_id from unnest($1::text[]) u(payment_id)
       where exists (select 1 from payment.payments p
           where p.id = case when u.payment_id ~ '^[0-9a-f-]{36}$' then u.payment_id::uuid end
             and p.status in ('INITIATED', 'VALIDATED'))
         or exists (select 1 from gateway.attempts a where a.payment_id = u.payment_id
           and a.status in ('STARTED', 'UNKNOWN', 'PENDING', 'REVIEW', 'REVERSING'))
         or 0 <> (select coalesce(sum(case when l.destination = 'refunds:clearing' then l.amount else -l.amount end), 0)
           from ledger.postings l where l.payment_id = u.payment_id
             and 'refunds:clearing' in (l.source, l.destination))`,
      [payments] as never
    )
  )

/** A page of the payments our book has charges of. */
export const chargedAfter = (after: string, limit: number) =>
  query<{ payment_id: string }>((sql) =>
    sql.unsafe(
      `select distinct payment_id from ledger.postings where payment_id > $1 and kind = 'charge'
       order by payment_id limit $2::int`,
      [after, limit] as never
    )
  )
