/** How the edge reaches the deciders: a port that composition fills, so that the API imports no service. */
import { Context, type Effect, Schema } from "effect"
import type { Message } from "../contract/envelope.ts"
import type { Projected } from "./decider.ts"
import type { Outcome } from "./journal/fold.ts"

export interface Submission {
  /** Its id is the command's identity for ever: the same id is applied once. */
  readonly message: Message
  /** The other half, of another stream: both are applied, in one commit, or neither. */
  readonly joined?: Message
  /** Rows of the asker's own, committed with the events and only with them. */
  readonly rows?: ReadonlyArray<Projected>
}

/** One of the submission's rows exists already (for instance an idempotency key): look it up and answer from it. */
export class RowTaken extends Schema.TaggedError<RowTaken>()("RowTaken", { constraint: Schema.String }) {}
/**
 * The store cannot take it now. It may have been applied all the same: retry with the same id, never with a new
 * one.
 */
export class NotAccepted extends Schema.TaggedError<NotAccepted>()("NotAccepted", { detail: Schema.String }) {}
export type SubmitFailure = RowTaken | NotAccepted

/** `Applied` with its events, `Refused` with a reason, or `Skipped`: applied before, read it back. */
export type Submit = (submission: Submission) => Effect.Effect<Outcome, SubmitFailure>

export class Commands extends Context.Service<
  Commands,
  {
    readonly payment: Submit
    readonly wallet: Submit
    readonly saga: Submit
    readonly gateway: Submit
    readonly audit: Submit
  }
>()("shared/Commands") {}
