/**
 * Poison in the simulated world: messages that break their decider until it is mended, and records nobody can read. At
 * the end an operator redrives the former and discards the latter; nothing may be lost or done twice by that.
 */
import { Effect } from "effect"
import type { Message } from "../../shared/contract/envelope.ts"
import { topicPartition } from "../../shared/contract/topics.ts"
import { askOf } from "../../shared/runtime/asks.ts"
import type { LetterRow } from "../../shared/runtime/deadletter.ts"
import type { Decider } from "../../shared/runtime/decider.ts"
import type { Memory } from "../../shared/runtime/journal/memory.ts"
import type { Composition } from "./platform.ts"
import { hashOf } from "./seeded.ts"
import type { World } from "./world.ts"

/** The world begins with these; without them there is none. */
const SPARED = new Set(["CreateWallet", "CreditWallet", "InitiatePayment"])
const GARBAGE = "Garbage"
export const isGarbage = ({ type }: Message): boolean => type === GARBAGE

export class Poison {
  private readonly chance: number
  private isActive: boolean

  private readonly onPoison: () => void

  constructor(chance: number, onPoison: () => void) {
    this.chance = chance
    this.onPoison = onPoison
    this.isActive = chance > 0
  }

  /** Which messages are poison follows from their ids: the same ones at every try. */
  in<State, E extends { readonly type: string; readonly data: unknown }, Eff>(
    decider: Decider<State, E, Eff>
  ): Decider<State, E, Eff> {
    const decide: typeof decider.decide = (state, message, now) => {
      if (this.isActive && !SPARED.has(message.type) && hashOf(message.id) < this.chance * 2 ** 32) {
        this.onPoison()
        throw new Error("planted poison")
      }
      return decider.decide(state, message, now)
    }
    return { ...decider, decide }
  }

  inAll(parts: Composition): Composition {
    if (!this.isActive) return parts
    const [wallet, payment] = [this.in(parts.wallet), this.in(parts.payment)]
    return { ...parts, wallet, payment, saga: this.in(parts.saga), gateway: this.in(parts.gateway) }
  }

  /** A record that no version can read, addressed to the payment's provider calls. */
  litter({ memory, plan, random, tally }: World, about: Message): void {
    // Only a world that reads text can meet some that it cannot read.
    if (!plan.encoded || !this.isActive || random() > this.chance * 10) return
    tally.add("unreadable record")
    const tp = topicPartition("gateway-commands", about.partitionkey)
    const subject = `gateway-${about.correlationid}`
    const message = { ...about, id: `garbage-${about.id}`, type: GARBAGE, subject }
    const log = memory.log.get(tp) ?? []
    log.push({ body: JSON.stringify({ id: message.id, type: GARBAGE, subject }), message, event: false })
    memory.log.set(tp, log)
  }

  mend(): void {
    this.isActive = false
  }
}

export const dead = (memory: Memory): ReadonlyArray<LetterRow> =>
  (memory.rows("bus.dead_letters") as unknown as ReadonlyArray<LetterRow>).filter(({ status }) => status === "dead")

/** An operator asks for whatever is dead. */
export const dealWith = (world: World) =>
  Effect.suspend(() => {
    const letters = dead(world.memory)
    const asks = world.platforms.find(({ life }) => life.alive)?.asks
    if (letters.length === 0 || asks === undefined) return Effect.void
    const time = world.time.wall()
    const all = letters.flatMap((letter) => {
      const type = letter.error_class === "decode" ? "DiscardDeadLetter" : "RedriveUnit"
      world.reached.add(`dead letter: ${type}`)
      const asking = { type, id: world.ids.next(time), time, actor: "operator:test", traceparent: undefined } as const
      return askOf(letter, { ...asking, reason: "mended" }) ?? []
    })
    return Effect.ignore(asks.ask(all))
  })
