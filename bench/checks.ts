/** Nothing is worth measuring that loses money: asked of Postgres and of the providers after every run. */
import type { Sql } from "postgres"
import { chargedAtProviders } from "./client.ts"
import type { Platform } from "./platform.ts"

const CLEARING = "payments:clearing"
const SETTLE_MS = 20_000
const LOOK_EVERY_MS = 50

interface Books {
  readonly open: number
  readonly balances: bigint
  readonly completed: bigint
  readonly payments: number
  readonly clearing: bigint
}

const read = async (sql: Sql): Promise<Books> => {
  const [books] = await sql<[{ [K in keyof Books]: string }]>`
    select (select count(*) from payment.payments where status not in ('COMPLETED', 'FAILED', 'CANCELLED')) as open,
      (select coalesce(sum(balance), 0) from wallet.wallets) as balances,
      (select coalesce(sum(amount), 0) from payment.payments where status = 'COMPLETED') as completed,
      (select count(*) from payment.payments where status = 'COMPLETED') as payments,
      (select coalesce(sum(case when destination = ${CLEARING} then amount else -amount end), 0)
        from ledger.postings where ${CLEARING} in (source, destination)) as clearing`
  return {
    open: Number(books.open),
    balances: BigInt(books.balances),
    completed: BigInt(books.completed),
    payments: Number(books.payments),
    clearing: BigInt(books.clearing)
  }
}

/** All that is wrong, in words; empty when every cent is where it belongs. */
export const violations = async (
  platform: Platform,
  sql: Sql,
  given: { readonly credited: bigint; readonly answeredCompleted: number }
): Promise<ReadonlyArray<string>> => {
  let books = await read(sql)
  for (let waited = 0; books.open > 0 && waited < SETTLE_MS; waited += LOOK_EVERY_MS) {
    await Bun.sleep(LOOK_EVERY_MS)
    books = await read(sql)
  }
  const { open, balances, completed, payments, clearing } = books
  const charged = await chargedAtProviders(platform)
  const wrong: Array<string> = []
  const want = (holds: boolean, words: string) => holds || wrong.push(words)
  want(open === 0, `${open} payments have not ended`)
  want(balances + completed === given.credited, `balances ${balances} + completed ${completed} ≠ ${given.credited}`)
  want(clearing === 0n, `${clearing} are in clearing`)
  want(charged === completed, `the providers took ${charged}, payments completed ${completed}`)
  want(payments >= given.answeredCompleted, `${given.answeredCompleted} were told COMPLETED, ${payments} are`)
  return wrong
}
