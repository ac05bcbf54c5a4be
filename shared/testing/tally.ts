/** The smallest service there can be, for tests of the runtime: it adds up credits and refuses what it is told to. */
import { Effect, Layer, Schema } from "effect"
import type { Message } from "../contract/envelope.ts"
import { type Currency, minor } from "../contract/money.ts"
import { topicPartition } from "../contract/topics.ts"
import type { WalletEvent } from "../contract/wallet.ts"
import { embeddedBus } from "../runtime/bus/embedded.ts"
import { type Decider, NOTHING } from "../runtime/decider.ts"
import { Ids } from "../runtime/ids.ts"
import { type Memory, memoryOf } from "../runtime/journal/memory.ts"
import { emptyWrite, JournalStore, type Store } from "../runtime/journal/store.ts"
import { numbered } from "../runtime/sending.ts"

export interface Tally {
  readonly total: bigint
}

/** References whose message breaks the decider; a test may empty it, as a release that mends it would. */
export const tallyWith = (broken: ReadonlySet<string>): Decider<Tally, WalletEvent> => ({
  service: "wallet",
  topic: "wallet-events",
  initial: { total: 0n },
  route: (message) => (message.type === "CreditWallet" ? message.subject : undefined),
  begins: () => false,
  decide: (_state, message) => {
    const data = message.data as { readonly reference: string }
    if (broken.has(data.reference)) throw new Error("this message is poison")
    if (data.reference === "refused") return { refusal: { code: "WALLET_LOCKED", reason: "told to refuse" } }
    const credited = { ...data, balance: minor(1n), available: minor(1n) } as never
    return { events: [{ type: "WalletCredited", data: credited }] }
  },
  evolve: ({ total }, event) => ({ total: event.type === "WalletCredited" ? total + event.data.amount : total }),
  react: () => NOTHING,
  wakeAt: () => undefined,
  postings: (event) =>
    event.type === "WalletCredited"
      ? [
          {
            source: "funding",
            destination: event.data.wallet_id,
            amount: event.data.amount,
            currency: event.data.currency,
            kind: "credit",
            payment_id: event.data.credit_id,
            ref: ""
          }
        ]
      : [],
  project: () => [],
  snapshot: { schema: 1, codec: Schema.Struct({ total: Schema.BigIntFromString }) }
})
export const tally = tallyWith(new Set(["throws"]))

let made = 0
/** `reference` says what becomes of it: `throws`, `refused`, anything else is credited. */
export const credit = (user: string, reference: string, amount = 1n, credit_id = `credit-${++made}`): Message => ({
  id: `00000000-0000-7000-8000-${String(++made).padStart(12, "0")}`,
  type: "CreditWallet",
  subject: `wallet-${user}`,
  time: 0,
  tenant: "t",
  partitionkey: `t/${user}`,
  correlationid: user,
  causationid: user,
  actor: "test",
  schema: 1,
  data: { wallet_id: user, credit_id, amount: minor(amount), currency: "USD" as Currency, reference }
})

/** Puts commands into the log as another service's commit would. */
export const send = (store: Store, ...messages: ReadonlyArray<Message>) => {
  const commands = numbered(
    messages.map((message) => ({ message, tp: topicPartition("wallet-commands", message.partitionkey) }))
  )
  return store.write({ ...emptyWrite("saga"), commands })
}

/** A platform in memory whose store a test may make worse. */
export const around = (memory: Memory, worse: (store: Store) => Store = (store) => store) => {
  const store = Layer.succeed(JournalStore, { open: () => Effect.succeed(worse(memoryOf(memory))) })
  return Layer.mergeAll(Layer.provideMerge(embeddedBus, store), Ids.layer)
}
