/** The wallet service as the journal runs it. */
import { Schema, SchemaTransformation } from "effect"
import { Metadata } from "../../shared/contract/catalogue.ts"
import type { Message } from "../../shared/contract/envelope.ts"
import { Currency, Minor } from "../../shared/contract/money.ts"
import { WalletCommands, type WalletEvent } from "../../shared/contract/wallet.ts"
import { type Decider, type Encoded, NOTHING } from "../../shared/runtime/decider.ts"
import { fromEntries, size, toEntries } from "./deductions.ts"
import { nextExpiry } from "./holds.ts"
import { postings, project } from "./projections.ts"
import { decide, evolve, type Settings, type State } from "./wallet.ts"

const commands: ReadonlySet<string> = new Set([...Object.keys(WalletCommands), "TimerFired"])

export const walletStream = (walletId: string): string => `wallet-${walletId}`

const route = (message: Message): string | undefined =>
  commands.has(message.type) && message.subject.startsWith("wallet-") ? message.subject : undefined

const Stored = Schema.NullOr(
  Schema.Struct({
    currency: Currency,
    userId: Schema.String,
    balance: Minor,
    held: Minor,
    holds: Schema.Array(
      Schema.Struct({
        id: Schema.String,
        merchantId: Schema.String,
        amount: Minor,
        remaining: Minor,
        heldAt: Schema.Finite,
        expiresAt: Schema.Finite
      })
    ),
    withdrawals: Schema.Array(
      Schema.Struct({ id: Schema.String, amount: Minor, reference: Schema.String, requestedAt: Schema.Finite })
    ),
    locked: Schema.Boolean,
    metadata: Schema.NullOr(Metadata),
    createdAt: Schema.Finite,
    version: Schema.Int,
    deductions: Schema.Array(
      Schema.Struct({
        payment: Schema.String,
        amount: Minor,
        time: Schema.Finite,
        version: Schema.Int,
        status: Schema.Literals(["deducted", "refunded", "voided"])
      })
    )
  })
)

const codec = ({ rememberMs }: Settings): Schema.Codec<State, unknown> =>
  Stored.pipe(
    Schema.decodeTo(
      Schema.declare((_state): _state is State => true),
      SchemaTransformation.transform<State, typeof Stored.Type>({
        decode: (stored) =>
          stored === null
            ? undefined
            : {
                ...stored,
                metadata: stored.metadata ?? undefined,
                deductions: fromEntries(stored.deductions, rememberMs)
              },
        encode: (state) =>
          state === undefined
            ? null
            : { ...state, metadata: state.metadata ?? null, deductions: toEntries(state.deductions) }
      })
    )
  )

/** Which old deductions are still remembered depends on where the memory began: those both remember are the same. */
const facts = (encoded: Encoded, beside: Encoded): Encoded => {
  const known = new Set(deductionsOf(beside).map(({ payment }) => payment))
  return { ...encoded, deductions: deductionsOf(encoded).filter(({ payment }) => known.has(payment)) }
}
const deductionsOf = (encoded: Encoded) => (encoded["deductions"] ?? []) as ReadonlyArray<{ readonly payment: string }>

export const walletDecider = (settings: Settings): Decider<State, WalletEvent> => ({
  service: "wallet",
  topic: "wallet-events",
  initial: undefined,
  route,
  begins: (message) => message.type === "CreateWallet",
  decide: decide(settings),
  evolve: evolve(settings),
  react: () => NOTHING,
  wakeAt: (state) => state && nextExpiry(state.holds),
  postings,
  project,
  snapshot: { schema: 3, codec: codec(settings) },
  facts,
  size: (state) => (state === undefined ? 0 : size(state.deductions) + state.holds.length + state.withdrawals.length)
})
