/** The operators' side of the API's world in memory: the audit log, kept like the audit service keeps it. */
import { Effect, Layer } from "effect"
import type { AuditCommand } from "../../../shared/contract/audit.ts"
import type { Message } from "../../../shared/contract/envelope.ts"
import type { GatewayCommand } from "../../../shared/contract/gateway.ts"
import { type AuditReport, AuditTrail } from "../../../shared/runtime/audit.ts"
import type { NotAccepted, Submission, SubmitFailure } from "../../../shared/runtime/commands.ts"
import { Consistency, type Report } from "../../../shared/runtime/consistency.ts"
import type { Refusal } from "../../../shared/runtime/decider.ts"
import type { Outcome } from "../../../shared/runtime/journal/fold.ts"
import type {
  ActionRecord,
  AttemptRecord,
  BreakerRecord,
  Concern,
  LagRecord,
  OpsStore,
  SagaRecord
} from "../ops/records.ts"

export class OpsWorld {
  readonly actions = new Map<string, ActionRecord & { readonly tenant: string }>()
  /** The store refuses what the audit service should record; by the command's type. */
  readonly refuses = new Map<AuditCommand["type"], NotAccepted>()

  readonly sagas = new Map<string, SagaRecord & { readonly tenant: string }>()
  readonly attempts: Array<AttemptRecord> = []
  readonly breakers = new Map<string, BreakerRecord>()
  lag: ReadonlyArray<LagRecord> = []
  concerns: ReadonlyArray<Concern> = []
  /** Commands to saga and gateway, and what they say to them. */
  readonly said: Array<Message> = []
  refusal: Refusal | undefined
  /** What follows from a command beyond its answer. */
  follows: (message: Message) => ReadonlyArray<Message> = () => []

  say = ({ message }: Submission): Effect.Effect<Outcome, SubmitFailure> =>
    Effect.sync(() => {
      this.said.push(message)
      if (this.refusal !== undefined) return { _tag: "Refused", refusal: this.refusal }
      const command = message as unknown as GatewayCommand
      if (command.type === "ForceBreaker") {
        const { provider, to: state, reason } = command.data
        const forced = state === "open"
        const row = { provider, state, forced, failures: 0, reason, until: null, updated_at: message.time }
        this.breakers.set(provider, row)
      }
      return { _tag: "Applied", events: this.follows(message) }
    })

  addSaga(saga: Partial<SagaRecord & { readonly tenant: string }> & { readonly id: string }): void {
    this.sagas.set(saga.id, { ...SAGA, ...saga })
  }

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

  /** What the next verification finds. */
  report: Report = {
    scope: "full",
    started_at: 0,
    duration_ms: 1,
    checked: { wallets: 1, payments: 2, sagas: 2, postings: 5, streams: 6, events: 30, rows: 9 },
    total: 0,
    inconsistencies: []
  }
  private last: Report | undefined
  /** What was asked of the checks, in order. */
  readonly asked: Array<unknown> = []
  readonly consistency: Consistency["Service"] = {
    last: () => this.last,
    verify: (scope, streams) =>
      Effect.sync(() => {
        this.asked.push({ scope, streams })
        this.last = { ...this.report, scope }
        return this.last
      }),
    repair: (request) =>
      Effect.sync(() => {
        this.asked.push(request)
        return { corrected: [], refused: [], report: this.report }
      })
  }

  private walked: AuditReport | undefined
  readonly trail: AuditTrail["Service"] = {
    last: () => this.walked,
    verify: (tenant) =>
      Effect.sync(() => {
        const chains = [{ tenant, first: 1, last: 3, hash: "0".repeat(64) }]
        this.walked = { valid: true, entries: 3, chains, waiting: 0, started_at: 0, duration_ms: 1 }
        return this.walked
      })
  }

  readonly checks = Layer.merge(Layer.succeed(Consistency, this.consistency), Layer.succeed(AuditTrail, this.trail))

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
      ),
    sagas: ({ tenant, status, stuck, parked, after = "~", limit }) =>
      Effect.sync(() =>
        [...this.sagas.values()]
          .filter(
            (saga) =>
              saga.tenant === tenant &&
              saga.id < after &&
              (status ?? saga.status) === saga.status &&
              (stuck ?? saga.stuck_since !== null) === (saga.stuck_since !== null) &&
              (parked ?? saga.parked) === saga.parked
          )
          .sort((a, b) => (a.id > b.id ? -1 : 1))
          .slice(0, limit)
      ),
    saga: (tenant, id) =>
      Effect.sync(() => {
        const saga = this.sagas.get(id)
        return saga?.tenant === tenant ? saga : undefined
      }),
    attempts: () => Effect.sync(() => this.attempts),
    breakers: Effect.sync(() => [...this.breakers.values()]),
    lag: Effect.sync(() => this.lag),
    concerns: () => Effect.sync(() => this.concerns)
  })
}

const SAGA = {
  tenant: "default",
  user_id: "ana",
  status: "PROCESSING",
  step: "ValidatePayment",
  failure: null,
  parked: false,
  waits: null,
  version: 1,
  deadline: 300_000,
  stuck_since: null,
  started_at: 0,
  updated_at: 0,
  progress: null,
  reason: null,
  since: null
}

const NO_OUTCOME = { outcome: null, code: null, detail: null, after: null, completed_at: null }
