/**
 * The one way an operator's action takes effect. Its request is in the log before it does anything, its outcome after
 * it, refusals included: an action without an outcome was interrupted, and says so (DECISIONS D0, D12).
 */
import { Cause, Effect, Exit } from "effect"
import type { AuditCommand, Facts } from "../../shared/contract/audit.ts"
import { ERRORS } from "../../shared/contract/errors.ts"
import { reach } from "../../shared/runtime/crashpoint.ts"
import { uuidv5 } from "../../shared/runtime/ids.ts"
import type { Principal } from "./auth.ts"
import { type Asked, toAudit } from "./commands.ts"
import type { Problem } from "./problem.ts"
import { type Answer, type ApiFailure, json, toProblem } from "./responses.ts"
import type { ApiRequest } from "./route.ts"
import type { Parts } from "./routes/parts.ts"

export interface Operated {
  /** The answer's body; the action's id is added to it as `action_id`. */
  readonly body: object
  /** Default 200. */
  readonly status?: number
  /** How the target stands now, for the audit log. */
  readonly after?: Facts
}

export interface Operation {
  /** `noun.verb`: `saga.resume`, `dead_letter.discard`, `circuit_breaker.open`. */
  readonly action: string
  /** Named like a stream: `saga-{payment id}`, `breaker-stripe`, `dead_letter-{id}`. */
  readonly target: string
  /** What was asked for beside the reason. */
  readonly parameters?: Facts
  /** How the target stands. The route has read it, and answered 404 where there is no such target of this tenant. */
  readonly before: Facts
  /** Takes effect. `operator` is the request with the operator as its actor: commands are made with it. */
  readonly perform: (operator: Asked, actionId: string) => Effect.Effect<Operated, ApiFailure>
}

/** What events call whoever acts through a key in an operator's role. */
const operatorOf = (principal: Principal): Principal => ({
  ...principal,
  actor: principal.actor.replace(/^key:/, "operator:")
})

/** A problem of the action is answered with `details.action_id`: it is in the audit log as well. */
export const operate = Effect.fnUntraced(function* (
  { commands, ids }: Pick<Parts, "commands" | "ids">,
  request: ApiRequest<{ readonly reason: string }>,
  { action, target, parameters = {}, before, perform }: Operation
) {
  const { now, trace, body } = request
  const operator: Asked = { now, trace, principal: operatorOf(request.principal) }
  const action_id = ids.next(now)
  const { actor } = operator.principal
  const data = { action_id, action, target, reason: body.reason, actor, parameters, before }
  const submit = (name: string, command: AuditCommand) =>
    commands.audit({ message: toAudit(operator, name === "" ? action_id : uuidv5(action_id, name), command) })
  yield* submit("", { type: "RecordOperatorAction", data })
  yield* reach("operate.before-effect")
  const exit = yield* Effect.exit(perform(operator, action_id))
  yield* reach("operate.after-effect")
  const outcome = { action_id, ...outcomeOf(exit) }
  // The action has taken effect or not, whatever becomes of this: it then stands in the log as interrupted.
  yield* submit("outcome", { type: "CompleteOperatorAction", data: outcome }).pipe(
    Effect.catch((failure) => Effect.logWarning(`outcome of ${action} ${action_id} is not recorded: ${failure._tag}`))
  )
  return yield* answerOf(exit, action_id)
})

type Outcome = Omit<Extract<AuditCommand, { readonly type: "CompleteOperatorAction" }>["data"], "action_id">

const outcomeOf = (exit: Exit.Exit<Operated, ApiFailure>): Outcome => {
  if (Exit.isSuccess(exit)) {
    const { after } = exit.value
    return { outcome: "applied", ...(after === undefined ? {} : { after }) }
  }
  const failure = Cause.findErrorOption(exit.cause)
  if (failure._tag === "None") return { outcome: "failed", code: "INTERNAL" }
  const { code, detail } = toProblem(failure.value)
  const said = detail === undefined ? {} : { detail }
  return { outcome: ERRORS[code].status < 500 ? "refused" : "failed", code, ...said }
}

const answerOf = (exit: Exit.Exit<Operated, ApiFailure>, action_id: string): Effect.Effect<Answer, Problem> => {
  if (Exit.isSuccess(exit)) {
    const { status = 200, body } = exit.value
    return Effect.succeed(json(status, { ...body, action_id }))
  }
  const failure = Cause.findErrorOption(exit.cause)
  if (failure._tag === "None") return Effect.failCause(exit.cause as Cause.Cause<never>)
  const refusal = toProblem(failure.value)
  return Effect.fail({ ...refusal, details: { ...refusal.details, action_id } })
}
