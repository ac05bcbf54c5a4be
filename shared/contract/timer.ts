/** A timer that is due travels through the log like every other message (DECISIONS D6). */
import { Schema } from "effect"
import { entry, Time } from "./catalogue.ts"
import type { Service } from "./envelope.ts"
import type { Topic } from "./topics.ts"

const fields = {
  /** `due`: the stream's own deadline · `restart`: the process started anew and looks at everything unfinished. */
  kind: Schema.Literals(["due", "restart"]),
  due_at: Time
}

export const TimerMessages = {
  TimerFired: entry(
    {
      version: 1,
      topic: "saga-commands",
      producer: "saga",
      consumers: ["saga", "gateway", "wallet", "notification"],
      trigger: "the deadline a stream's state asks for has passed; sent on the command topic of the stream's owner"
    },
    fields,
    { kind: "due", due_at: "2026-11-25T09:30:00.000Z" }
  )
} as const
export type TimerFired = { readonly type: "TimerFired"; readonly data: (typeof TimerMessages.TimerFired.data)["Type"] }

/** Where the commands and the timers of a service's streams travel. */
export const commandTopic: { readonly [S in Service]?: Topic } = {
  payment: "payment-commands",
  wallet: "wallet-commands",
  gateway: "gateway-commands",
  saga: "saga-commands",
  notification: "notification-commands"
}
