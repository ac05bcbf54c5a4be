/**
 * What an operator asks of a dead letter. The ask travels through the log to the service that owns the unit: that one
 * alone knows what waits behind the letter, and does it (DECISIONS D9).
 */
import { Schema } from "effect"
import { type About, EXAMPLE, entry, type FactOf } from "./catalogue.ts"
import type { Service } from "./envelope.ts"
import { commandTopic } from "./timer.ts"

const fields = {
  service: Schema.String,
  /** What is parked: a stream, or what is left of an address that cannot be read. */
  unit: Schema.String,
  /** Only while this letter is the one the unit waits behind: asked twice, it is done once. */
  dead_letter_id: Schema.String,
  reason: Schema.String
}
const example = {
  service: "wallet",
  unit: `wallet-${EXAMPLE.wallet}`,
  dead_letter_id: EXAMPLE.other,
  reason: "fixed by today's release"
}
/** Where dead letters can be asked for: whoever has a command topic. */
export const redrivable = Object.keys(commandTopic) as ReadonlyArray<Service>

const about = (trigger: string): About => ({
  version: 1,
  topic: "wallet-commands",
  producer: "api",
  consumers: redrivable,
  trigger: `${trigger}; sent on the command topic of the service that could not apply it`
})

export const DeadLetterCommands = {
  RedriveUnit: entry(
    about("an operator asks for a dead letter to be tried again, and what waits behind it after it"),
    fields,
    example
  ),
  DiscardDeadLetter: entry(about("an operator gives a dead letter up; what waits behind it goes on"), fields, {
    ...example,
    reason: "sent twice by the partner"
  })
} as const
export type DeadLetterCommand = FactOf<typeof DeadLetterCommands>

/** For the runtime of a service, never for its decider. */
export const isForRuntime = (type: string): type is DeadLetterCommand["type"] =>
  type === "RedriveUnit" || type === "DiscardDeadLetter"
