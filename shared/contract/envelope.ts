/**
 * Every message is a CloudEvents 1.0 envelope (cloudevents.io, spec 1.0.2). In memory `time` is ms since the epoch and
 * amounts are bigint; `codec.ts` turns a message into its wire form once, when it is committed.
 */

/** A fact or a command as a decider returns it: what happened, nothing about where it travels. */
export interface Fact<Type extends string = string, Data = unknown> {
  readonly type: Type
  readonly data: Data
}

/** What travels unchanged from a cause to everything it causes. */
export interface Lineage {
  readonly tenant: string
  /** Partition key `{tenant}/{user_id}`: one user's messages keep their order (DECISIONS D5). */
  readonly partitionkey: string
  /** The payment's id; the wallet's where there is no payment. */
  readonly correlationid: string
  /** W3C trace context of the request that began it. */
  readonly traceparent?: string | undefined
}

export interface Envelope<Type extends string = string, Data = unknown> extends Fact<Type, Data>, Lineage {
  readonly id: string
  /** The stream it belongs to (event) or is addressed to (command): `wallet-{id}`, `payment-{id}` … */
  readonly subject: string
  /** ms since the epoch; never runs backwards within one stream. */
  readonly time: number
  readonly causationid: string
  /** Who did it: `key:{id}`, `operator:{name}` or `service:{name}`. */
  readonly actor: string
  /** Version of the data's schema. */
  readonly schema: number
}

export type Message = Envelope

/** An event with its place in its stream, as `evolve` sees it. */
export type Recorded<F extends Fact> = F & { readonly id: string; readonly time: number; readonly version: number }

/** Eight services; the order is their number in stored rows (`bus.offsets.grp`): append only. */
export const SERVICES = ["payment", "wallet", "gateway", "saga", "metrics", "notification", "api", "audit"] as const
export type Service = (typeof SERVICES)[number]
