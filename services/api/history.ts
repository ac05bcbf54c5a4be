/** A wallet's balance at a moment of the past: read from its events, each of which carries what it left behind. */
import { Effect, Result } from "effect"
import { decode } from "../../shared/contract/codec.ts"
import { WalletEvents } from "../../shared/contract/wallet.ts"
import type { EventRecord, Store, StreamAt } from "./records.ts"

export interface BalanceThen {
  readonly balance: bigint
  readonly available: bigint
  readonly version: number
}

const NOTHING: BalanceThen = { balance: 0n, available: 0n, version: 0 }

/** The schema says which events tell a balance; a new one (a hold) is taken in without a change here. */
const TELLING = Object.entries(WalletEvents)
  .filter(([, { data }]) => "balance" in data.fields && "available" in data.fields)
  .map(([type]) => type)

type Read = Pick<Store["Service"], "events" | "lastEvent">

/** `version`: of the wallet now. `time` never runs backwards in a stream, so some twenty reads find any moment. */
export const balanceAt = (store: Read, at: StreamAt, version: number, time: number) =>
  Effect.gen(function* () {
    let known = 0
    let beyond = version + 1
    while (beyond - known > 1) {
      const middle = Math.floor((known + beyond) / 2)
      const [event] = yield* store.events(at, middle - 1, 1)
      if (event !== undefined && event.version === middle && timeOf(event) <= time) known = middle
      else beyond = middle
    }
    if (known === 0) return NOTHING
    const last = yield* store.lastEvent(at, known, TELLING)
    return last === undefined ? { ...NOTHING, version: known } : { ...told(last), version: known }
  })

const timeOf = ({ body }: EventRecord): number => Date.parse((JSON.parse(body) as { readonly time: string }).time)

const told = ({ id, type, stream, cause, body }: EventRecord): Omit<BalanceThen, "version"> => {
  const message = Result.getOrThrow(decode(body, { id, type, subject: stream, causationid: cause }))
  const { balance, available } = message.data as BalanceThen
  return { balance, available }
}
