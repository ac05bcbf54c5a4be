/**
 * What must hold of a world at rest, by the names of the invariants I1–I12. What can be seen at once is checked at
 * every write and every call (books.ts, provider.ts).
 */
import { decode } from "../../shared/contract/codec.ts"
import type { Row } from "../../shared/runtime/decider.ts"
import { dead, isGarbage } from "./poison.ts"
import { unfinished } from "./rest.ts"
import type { World } from "./world.ts"

const number = (cell: unknown): bigint => BigInt(String(cell ?? 0))
const sum = (amounts: Iterable<bigint>): bigint => {
  let total = 0n
  for (const amount of amounts) total += amount
  return total
}
const of = (row: Row) => String(row["id"])
const PAID = new Set(["COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED"])

export const judge = (world: World): void => {
  conservation(world)
  charges(world)
  providerLedger(world)
  acknowledged(world)
  asked(world)
  for (const told of unfinished(world)) world.violate("I5", told, /[0-9a-f-]{36}/.exec(told)?.[0])
  streams(world)
  projections(world)
  log(world)
  bounded(world)
}

/** I1: what came in is in wallets, with merchants, or on its way; at rest nothing is on its way. */
const conservation = (world: World): void => {
  const { memory, books, plan } = world
  const accounts = [...books.accounts]
  const inner = accounts.filter(([name]) => !name.endsWith(":control") && !name.endsWith(":charged"))
  const all = sum(inner.map(([, held]) => held))
  if (all !== 0n) world.violate("I1", `the accounts sum up to ${all}`)
  for (const name of ["payments:clearing", "refunds:clearing"])
    if (books.account(name) !== 0n) world.violate("I1", `${name} holds ${books.account(name)} at rest`)
  const paid = memory.rows("payment.payments").filter((row) => PAID.has(String(row["status"])))
  const refunded = sum(
    memory.rows("payment.refunds").map((row) => (row["status"] === "succeeded" ? number(row["amount"]) : 0n))
  )
  const captured = sum(memory.rows("wallet.holds").map((row) => number(row["captured_amount"])))
  const owed = sum(paid.map((row) => number(row["amount"]))) - refunded + captured
  const merchants = sum(accounts.filter(([name]) => name.startsWith("merchant:")).map(([, held]) => held))
  if (merchants !== owed) world.violate("I1", `merchants have ${merchants}, they are owed ${owed}`)
  const wallets = sum(memory.rows("wallet.wallets").map((row) => number(row["balance"])))
  const funds = BigInt(plan.users) * plan.funds
  if (wallets !== funds - owed) world.violate("I1", `wallets hold ${wallets}: ${funds} came in, ${owed} was paid`)
  for (const row of memory.rows("wallet.wallets")) {
    const [own, held] = [books.account(`wallet:${of(row)}`), books.account(`wallet:${of(row)}:held`)]
    if (own + held !== number(row["balance"]))
      world.violate("I1", `postings leave ${own} + ${held} in wallet ${of(row)}, its row says ${row["balance"]}`)
    if (held !== number(row["held"])) world.violate("I8", `postings hold ${held} of ${of(row)}, its row ${row["held"]}`)
  }
}

/** I2: a paid payment has one kept charge of its amount where its row says, any other has none. */
const charges = (world: World): void => {
  for (const row of world.memory.rows("payment.payments")) {
    const id = of(row)
    const kept = world.providers.kept(id)
    const status = String(row["status"])
    if (!PAID.has(status)) {
      if (kept.length > 0) world.violate("I2", `${status} with a kept charge at ${kept[0]?.provider}`, id)
      continue
    }
    const [charge] = kept
    if (kept.length !== 1 || charge?.amount !== number(row["amount"]))
      world.violate("I2", `${status} with ${kept.length} kept charges`, id)
    else if (charge.provider !== row["provider"])
      world.violate("I2", `charged by ${charge.provider}, told ${row["provider"]}`, id)
  }
}

/** I3: what we have recorded of each provider is what its own ledger says. */
const providerLedger = (world: World): void => {
  const { providers, books, memory } = world
  for (const { provider } of providers.ports) {
    const kept = sum(
      [...providers.charges.values()].flatMap((it) =>
        it.provider === provider && it.status === "charged" ? [it.amount] : []
      )
    )
    const back = sum(
      [...providers.refunds.values()].flatMap((it) =>
        it.provider === provider && it.status === "done" ? [it.amount] : []
      )
    )
    const told = books.account(`provider:${provider}:charged`)
    if (told !== kept - back) world.violate("I3", `${provider} has ${kept - back}, our books say ${told}`)
  }
  const done = new Map<string, number>()
  for (const [key, { status }] of providers.refunds)
    if (status === "done" || status === "undone") done.set(key.slice(key.lastIndexOf(":") + 1), 1)
  for (const row of memory.rows("payment.refunds")) {
    const succeeded = row["status"] === "succeeded"
    if (succeeded !== done.has(of(row)))
      world.violate(
        "I3",
        `refund ${of(row)} is ${row["status"]}, its provider did ${done.has(of(row)) ? "it" : "nothing"}`,
        String(row["payment_id"])
      )
  }
}

/** I4: what was accepted is there. */
const acknowledged = (world: World): void => {
  const there = new Set(world.memory.rows("payment.payments").map(of))
  for (const id of world.acknowledged) if (!there.has(id)) world.violate("I4", "accepted, and not there", id)
}

/** I5: nobody's time is up although nothing kept the platform from asking a provider. */
const asked = (world: World): void => {
  if (world.plan.faults.poison > 0 || world.plan.jumps.length > 0) return
  const sent = new Set(
    world.history.flatMap(({ type, correlationid }) => (type === "GatewayRequestSent" ? [correlationid] : []))
  )
  for (const { type, correlationid, data } of world.history) {
    const code = (data as { readonly error_code?: string }).error_code
    if (type === "PaymentFailed" && code === "PAYMENT_TIMED_OUT" && !sent.has(correlationid))
      world.violate("I5", "its time was up, and nobody had been asked", correlationid)
  }
}

/** I6: streams are contiguous, their time never runs back, and an end stays the end. */
const ENDS = new Set(["PaymentCompleted", "PaymentFailed", "PaymentCancelled"])
const streams = (world: World): void => {
  for (const [stream, events] of world.memory.streams) {
    let before = 0
    let ended = 0
    for (const [index, { version, message }] of events.entries()) {
      if (version !== index + 1) world.violate("I6", `${stream}: version ${version} at place ${index + 1}`)
      if (message.time < before) world.violate("I6", `${stream}: time runs back at version ${version}`)
      before = message.time
      if (ENDS.has(message.type) && ++ended > 1) world.violate("I6", `${stream}: ends twice`, message.correlationid)
    }
  }
}

/** I7: read models are what the events say, and every consumer has read all that was written for it. */
const projections = (world: World): void => {
  const { memory, composition } = world
  for (const [name, table] of [
    ["payment", "payment.payments"],
    ["wallet", "wallet.wallets"]
  ] as const) {
    const decider = composition[name]
    for (const row of memory.rows(table)) {
      const events = memory.streams.get(`${name}-${of(row)}`) ?? []
      if (Number(row["version"]) > events.length) world.violate("I7", `${table} ${of(row)} is ahead of its stream`)
      let state: unknown = decider.initial
      for (const { version, message } of events)
        state = decider.evolve(state as never, { ...message, version } as never)
      const { status, balance } = state as { readonly status?: string; readonly balance?: bigint }
      if (name === "payment" && status !== row["status"])
        world.violate("I7", `row says ${row["status"]}, events ${status}`, of(row))
      if (name === "wallet" && balance !== number(row["balance"]))
        world.violate("I7", `wallet ${of(row)} has ${row["balance"]} in its row, ${balance} in its events`)
    }
  }
  for (const [service, topics] of Object.entries(composition.topics)) {
    for (const topic of topics) {
      for (const tp of world.partitionsOf(topic)) {
        const at = memory.positions.get(`${service}/${tp}`) ?? 0
        if (at !== memory.head(tp)) world.violate("I7", `${service} stands at ${at} of ${memory.head(tp)} in ${topic}`)
      }
    }
  }
}

/** I7: every stored text can be read again, and nothing lies among the dead letters. */
const log = (world: World): void => {
  const { memory, plan } = world
  if (plan.encoded)
    for (const [tp, records] of memory.log)
      for (const { body, message, event } of records) {
        if (isGarbage(message)) continue
        const { id, type, subject, causationid } = message
        if (decode(body, event ? { id, type, subject, causationid } : undefined)._tag === "Failure")
          world.violate("I7", `${tp}: ${type} cannot be read back`)
      }
  const rows = plan.faults.poison > 0 ? dead(memory) : memory.rows("bus.dead_letters")
  const [letter] = rows
  if (letter !== undefined) world.violate("I7", `${rows.length} dead letters: ${letter["type"]} ${letter["error"]}`)
  const waiting = memory.rows("bus.parked_messages").length
  if (waiting > 0) world.violate("I7", `${waiting} messages still wait behind dead letters`)
}

/** I11: tries and calls stay under their caps. */
const CALLS_MAX = 100
const bounded = (world: World): void => {
  const { calls } = world.providers
  const { payments, outageMs } = world.plan
  // While nobody answers, each payment is asked about once a minute.
  if (calls > (CALLS_MAX + 1.5 * (outageMs / 60_000)) * payments)
    world.violate("I11", `${calls} calls for ${payments} payments`)
  for (const message of world.history) {
    if (message.type !== "SagaRecoveryAttempted") continue
    const { recoveries } = message.data as { readonly recoveries: number }
    if (recoveries > 3) world.violate("I11", `${recoveries} recoveries`, message.correlationid)
  }
}
