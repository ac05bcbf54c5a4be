/** One operator's action: asked for with a reason, and what came of it. It decides nothing; it remembers, once. */
import type { ActionOutcome, AuditCommand, AuditEvent, Facts } from "../../shared/contract/audit.ts"
import type { Message, Recorded } from "../../shared/contract/envelope.ts"
import type { Decision } from "../../shared/runtime/decider.ts"

type Requested = Extract<AuditEvent, { readonly type: "OperatorActionRequested" }>["data"]

export interface Action extends Requested {
  /** ms. */
  readonly requested_at: number
  readonly completed?: {
    readonly outcome: ActionOutcome
    readonly code?: string | undefined
    readonly detail?: string | undefined
    readonly after?: Facts | undefined
    /** ms. */
    readonly at: number
  }
}
export type State = Action | undefined
export const initial: State = undefined

/** The first request and the first outcome stand; a repetition of either changes nothing. */
export const decide = (state: State, message: Message, _now: number): Decision<AuditEvent> => {
  const command = message as unknown as AuditCommand
  switch (command.type) {
    case "RecordOperatorAction":
      return { events: state === undefined ? [{ type: "OperatorActionRequested", data: command.data }] : [] }
    case "CompleteOperatorAction":
      return {
        events:
          state === undefined || state.completed !== undefined
            ? []
            : [{ type: "OperatorActionCompleted", data: command.data }]
      }
  }
}

export const evolve = (state: State, event: Recorded<AuditEvent>): State => {
  if (event.type === "OperatorActionRequested") return { ...event.data, requested_at: event.time }
  if (state === undefined) return undefined
  const { action_id: _, ...completed } = event.data
  return { ...state, completed: { ...completed, at: event.time } }
}
