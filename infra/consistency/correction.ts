/** The stream a repair leaves behind: what it corrected, one event a correction. Pure. */
import { Schema } from "effect"
import type { ConsistencyEvent } from "../../shared/contract/consistency.ts"
import type { Message } from "../../shared/contract/envelope.ts"
import type { Correction } from "../../shared/runtime/consistency.ts"
import { type Decider, NOTHING } from "../../shared/runtime/decider.ts"

/** Handed over in memory, in the transaction that corrects; it is never in the log. */
export interface RecordCorrections {
  readonly type: "RecordCorrections"
  readonly data: { readonly corrections: ReadonlyArray<Correction>; readonly reason: string }
}

interface State {
  readonly corrections: number
}

export const correctionDecider: Decider<State, ConsistencyEvent> = {
  service: "metrics",
  topic: "metrics-events",
  initial: { corrections: 0 },
  route: ({ type, subject }) => (type === "RecordCorrections" ? subject : undefined),
  begins: () => true,
  decide: (_state, message: Message) => {
    const { corrections, reason } = message.data as RecordCorrections["data"]
    return { events: corrections.map((of) => ({ type: "ReadModelCorrected", data: { ...of, reason } })) }
  },
  evolve: ({ corrections }) => ({ corrections: corrections + 1 }),
  react: () => NOTHING,
  wakeAt: () => undefined,
  postings: () => [],
  project: () => [],
  snapshot: { schema: 1, codec: Schema.Struct({ corrections: Schema.Int }) }
}
