/**
 * Poison in the simulated world: messages that break their decider until it is mended, and records nobody can read. At
 * the end an operator redrives the former and discards the latter; nothing may be lost or done twice by that.
 */
import { Clock, Effect } from "effect"
import { TestClock } from "effect/testing"
import type { Message } from "../../shared/contract/envelope.ts"
import { topicPartition } from "../../shared/contract/topics.ts"
import { askOf, type DeadLetterAsks } from "../../shared/runtime/asks.ts"
import type { LetterRow } from "../../shared/runtime/deadletter.ts"
import type { Decider } from "../../shared/runtime/decider.ts"
import { Ids } from "../../shared/runtime/ids.ts"
import type { Memory } from "../../shared/runtime/journal/memory.ts"
import { hashOf } from "./seeded.ts"

/** The world begins with these; without them there is none. */
const SPARED = new Set(["CreateWallet", "CreditWallet", "InitiatePayment"])
const GARBAGE = "Garbage"
export const isGarbage = ({ type }: Message): boolean => type === GARBAGE

/** Most is mended soon (ms); now and then sagas time out meanwhile, and compensate behind dead letters. */
const MENDED_AFTER_MS = 6_000
const MENDED_LATE_MS = 600_000
const LATE = 0.2
const ROUNDS_MAX = 50

export class Poison {
  private readonly chance: number
  private isActive: boolean

  constructor(chance: number) {
    this.chance = chance
    this.isActive = chance > 0
  }

  /** Which messages are poison follows from their ids: the same ones at every try. */
  in<State, E extends { readonly type: string; readonly data: unknown }, Eff>(
    decider: Decider<State, E, Eff>
  ): Decider<State, E, Eff> {
    const decide: typeof decider.decide = (state, message, now) => {
      if (this.isActive && !SPARED.has(message.type) && hashOf([message.id]) < this.chance * 2 ** 32)
        throw new Error("planted poison")
      return decider.decide(state, message, now)
    }
    return { ...decider, decide }
  }

  /** A record that no version can read, addressed to the payment's provider calls. */
  litter(memory: Memory, about: Message, random: () => number): void {
    if (this.chance === 0 || random() > this.chance * 10) return
    const tp = topicPartition("gateway-commands", about.partitionkey)
    const subject = `gateway-${about.correlationid}`
    const message = { ...about, id: `garbage-${about.id}`, type: GARBAGE, subject }
    const log = memory.log.get(tp) ?? []
    log.push({ body: JSON.stringify({ id: message.id, type: GARBAGE, subject }), message, event: false })
    memory.log.set(tp, log)
  }

  /** Mends everything, some time later. */
  readonly mend = (memory: Memory, random: () => number) =>
    Effect.gen({ self: this }, function* () {
      const within = random() < LATE ? MENDED_LATE_MS : MENDED_AFTER_MS
      if (dead(memory).length > 0) yield* TestClock.adjust(Math.floor(random() * within))
      this.isActive = false
    })
}

const dead = (memory: Memory): ReadonlyArray<LetterRow> =>
  (memory.rows("bus.dead_letters") as unknown as ReadonlyArray<LetterRow>).filter(({ status }) => status === "dead")

/** Asks for whatever is dead until nothing is. */
export const dealWith = (memory: Memory, asks: DeadLetterAsks["Service"]) =>
  Effect.gen(function* () {
    const { next } = yield* Ids
    for (let round = 0; round < ROUNDS_MAX && dead(memory).length > 0; round++) {
      const time = yield* Clock.currentTimeMillis
      const all = dead(memory).flatMap((letter) => {
        const type = letter.error_class === "decode" ? "DiscardDeadLetter" : "RedriveUnit"
        const asking = { type, id: next(time), time, actor: "operator:test", traceparent: undefined } as const
        return askOf(letter, { ...asking, reason: "mended" }) ?? []
      })
      yield* asks.ask(all)
      yield* TestClock.adjust("1 second")
    }
  })
