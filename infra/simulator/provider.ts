/**
 * The seam between the simulator and the providers it plays. A provider knows its wire format, its objects and its
 * rules of idempotency; sockets, delays, the journal and the control plane are the server's.
 */
import type { Drawn, Op } from "./faults.ts"
import type { Ledger } from "./ledger.ts"
import type { Tasks } from "./tasks.ts"
import type { Webhooks } from "./webhooks.ts"
import type { World } from "./world.ts"

export const PROVIDERS = ["stripe", "paypal", "adyen"] as const
export type ProviderName = (typeof PROVIDERS)[number]

export type Headers = { readonly [name: string]: string | Array<string> | undefined }

/** One request as it arrived; plain data, because `execute-late` keeps it in the journal. */
export type Call = {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly headers: Headers
  readonly body: string
}

export type Answer = {
  readonly status: number
  readonly body: string
  readonly headers: { readonly [name: string]: string }
}

/** What the provider can say about a call before it executes it. */
export type Plan = {
  readonly op: Op
  /** All operations a fault may name to hit this call; a create that also confirms is both. */
  readonly ops: ReadonlyArray<Op>
  /** Those a `decline` may name to hit this call, where they are others: the issuer speaks only at some calls. */
  readonly declines?: ReadonlyArray<Op>
  readonly idempotencyKey: string | undefined
  /** The scope in which two calls with one key collide; absent where keys mean nothing. */
  readonly lock: string | undefined
  readonly paymentId: string | undefined
  /** What is to be charged, where the call says so (ISO minor units); later calls of its payment are known by it. */
  readonly amount: () => number | undefined
}

export type Provider = {
  readonly name: ProviderName
  readonly owns: (path: string) => boolean
  readonly plan: (call: Call) => Plan
  /** Executes (or replays, or refuses) and answers. `busy` says that a call with the same lock is still running. */
  readonly run: (call: Call, fault: Drawn | undefined, busy: boolean) => Answer
  /** After the journal was read: throw away what has expired meanwhile. */
  readonly start: () => void
  /** The provider's own knobs, at `POST /_sim/{provider}/{name}`. */
  readonly controls: { readonly [name: string]: (input: unknown) => object }
  /** Things that finish later, by kind. */
  readonly later: { readonly [kind: string]: (id: string) => void }
}

/** What a provider is built from. */
export type Outside = {
  readonly world: World
  readonly ledger: Ledger
  readonly tasks: Tasks
  readonly webhooks: Webhooks
}

export const header = (headers: Headers, name: string): string | undefined => {
  const value = headers[name]
  return typeof value === "string" ? value : undefined
}
