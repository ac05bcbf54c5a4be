/** What must hold in every world once it is at rest (the money-safety rules; each violation is told in one line). */
import { decode } from "../../shared/contract/codec.ts"
import type { Memory } from "../../shared/runtime/journal/memory.ts"
import { isGarbage } from "./poison.ts"
import type { Report } from "./world.ts"
import { WALLET_FUNDS } from "./world.ts"

const KEPT = new Set(["COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED"])

export const violations = ({ memory, providers, open }: Report): ReadonlyArray<string> => {
  const found: Array<string> = []
  const expect = (holds: boolean, told: string) => {
    if (!holds) found.push(told)
  }
  expect(open === 0, `liveness: ${open} payments never ended`)
  let paid = 0n
  for (const row of memory.rows("payment.payments")) {
    const id = String(row["id"])
    const kept = providers.kept(id)
    const status = String(row["status"])
    expect(kept.length <= 1, `${id}: ${kept.length} kept charges`)
    const back = refunds(memory, providers, id, found)
    if (KEPT.has(status)) {
      const amount = BigInt(String(row["amount"]))
      paid += amount - back
      expect(
        kept.length === 1 && kept[0]?.amount === row["amount"],
        `${id}: ${status} with ${kept.length} kept charges`
      )
      expect(kept[0]?.provider === row["provider"], `${id}: paid by ${kept[0]?.provider}, told ${row["provider"]}`)
      const shown = back === 0n ? "COMPLETED" : back === amount ? "REFUNDED" : "PARTIALLY_REFUNDED"
      expect(status === shown && back <= amount, `${id}: ${status}, and ${back} of ${amount} went back`)
    } else {
      expect(kept.length === 0 && back === 0n, `${id}: ${status} with a kept charge at ${kept[0]?.provider}`)
    }
  }
  const [wallet] = memory.rows("wallet.wallets")
  const balance = BigInt(String(wallet?.["balance"]))
  expect(balance === WALLET_FUNDS - paid, `wallet holds ${balance}, paid ${paid} of ${WALLET_FUNDS}`)
  return [...found, ...ledger(memory, balance), ...log(memory)]
}

/** What of a payment went back, as its provider says; and that each of its refunds says the same. */
const refunds = (memory: Memory, providers: Report["providers"], payment: string, found: Array<string>): bigint => {
  const done = [...providers.refunds.values()].filter((it) => it.payment === payment && it.status === "done")
  const back = done.reduce((sum, { amount }) => sum + amount, 0n)
  const rows = memory.rows("payment.refunds").filter((row) => row["payment_id"] === payment)
  const told = rows.filter((row) => row["status"] === "succeeded").map((row) => BigInt(String(row["amount"])))
  const sum = told.reduce((total, amount) => total + amount, 0n)
  if (sum !== back || told.length !== done.length)
    found.push(`${payment}: ${told.length} refunds of ${sum} here, ${done.length} of ${back} at the provider`)
  return back
}

/** The ledger balances by construction; what it says of each account must be what the account's owner says. */
const ledger = (memory: Memory, balance: bigint): ReadonlyArray<string> => {
  const accounts = new Map<string, bigint>()
  const move = (account: string, by: bigint) => accounts.set(account, (accounts.get(account) ?? 0n) + by)
  for (const { source, destination, amount } of memory.postings.values()) {
    move(source, -amount)
    move(destination, amount)
  }
  const found: Array<string> = []
  for (const name of ["payments:clearing", "refunds:clearing"]) {
    const clearing = accounts.get(name) ?? 0n
    if (clearing !== 0n) found.push(`${name} holds ${clearing} at rest`)
  }
  const charged = [...accounts].filter(([name]) => name.endsWith(":charged")).reduce((sum, [, held]) => sum + held, 0n)
  const merchants = [...accounts]
    .filter(([name]) => name.startsWith("merchant:"))
    .reduce((sum, [, held]) => sum + held, 0n)
  if (charged !== merchants) found.push(`charged ${charged} at providers, owed ${merchants} to merchants`)
  const wallets = [...accounts].filter(([name]) => name.startsWith("wallet:")).reduce((sum, [, held]) => sum + held, 0n)
  if (wallets !== balance) found.push(`postings leave ${wallets} in the wallet, its row says ${balance}`)
  return found
}

/** Streams are contiguous, every stored text can be read again, and no message stands in the log twice as an event. */
const log = (memory: Memory): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (const [stream, events] of memory.streams) {
    for (const [index, { version, message }] of events.entries()) {
      if (version !== index + 1) found.push(`${stream}: version ${version} at place ${index + 1}`)
      const before = events[index - 1]?.message.time ?? 0
      if (message.time < before) found.push(`${stream}: time runs back at version ${version}`)
    }
  }
  for (const [tp, records] of memory.log) {
    for (const { body, message, event } of records) {
      if (isGarbage(message)) continue
      const { id, type, subject, causationid } = message
      if (decode(body, event ? { id, type, subject, causationid } : undefined)._tag === "Failure") {
        found.push(`${tp}: ${type} cannot be read back`)
      }
    }
  }
  const dead = memory.rows("bus.dead_letters").filter((row) => row["status"] === "dead").length
  const waiting = memory.rows("bus.parked_messages").length
  return dead + waiting === 0 ? found : [...found, `${dead} dead letters, ${waiting} messages behind them`]
}
