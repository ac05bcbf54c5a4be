/** The operators' side of the API's world in memory: the audit log, kept like the audit service keeps it. */
import { Effect } from "effect"
import type { AuditCommand } from "../../../shared/contract/audit.ts"
import type { NotAccepted, Submission, SubmitFailure } from "../../../shared/runtime/commands.ts"
import type { Outcome } from "../../../shared/runtime/journal/fold.ts"
import type { ActionRecord, OpsStore } from "../ops/records.ts"

export class OpsWorld {
  readonly actions = new Map<string, ActionRecord & { readonly tenant: string }>()
  /** The store refuses what the audit service should record; by the command's type. */
  readonly refuses = new Map<AuditCommand["type"], NotAccepted>()

  submit = ({ message }: Submission): Effect.Effect<Outcome, SubmitFailure> =>
    Effect.suspend(() => {
      const command = message as unknown as AuditCommand
      const failure = this.refuses.get(command.type)
      if (failure !== undefined) return Effect.fail(failure)
      this.record(command, message.tenant, message.time)
      return Effect.succeed({ _tag: "Applied", events: [] } as const)
    })

  private record(command: AuditCommand, tenant: string, time: number): void {
    const { data } = command
    if (command.type === "RecordOperatorAction") {
      const { action_id: id, parameters, before, ...rest } = command.data
      const facts = { parameters: JSON.stringify(parameters), before: JSON.stringify(before) }
      this.actions.set(id, { ...rest, ...facts, ...NO_OUTCOME, id, tenant, requested_at: time })
      return
    }
    const known = this.actions.get(data.action_id)
    if (known === undefined) throw new Error(`${data.action_id} was not asked for`)
    const { outcome, code = null, detail = null, after } = command.data
    const facts = { outcome, code, detail, after: after === undefined ? null : JSON.stringify(after) }
    this.actions.set(known.id, { ...known, ...facts, completed_at: time })
  }

  store = (): OpsStore["Service"] => ({
    actions: ({ tenant, target, actor, action, after = "~", limit }) =>
      Effect.sync(() =>
        [...this.actions.values()]
          .filter(
            (found) =>
              found.tenant === tenant &&
              found.id < after &&
              (target ?? found.target) === found.target &&
              (actor ?? found.actor) === found.actor &&
              (action ?? found.action) === found.action
          )
          .sort((a, b) => (a.id > b.id ? -1 : 1))
          .slice(0, limit)
      )
  })
}

const NO_OUTCOME = { outcome: null, code: null, detail: null, after: null, completed_at: null }
