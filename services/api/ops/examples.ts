/** What the document shows of the operators' routes; a test decodes each. */
import { EXAMPLE } from "../../../shared/contract/catalogue.ts"
import { pay } from "../examples.ts"

export const audit = {
  data: [
    {
      id: EXAMPLE.other,
      action: "saga.resume",
      target: `saga-${EXAMPLE.payment}`,
      reason: "the wallet's database is back",
      actor: "operator:development",
      parameters: {},
      before: { status: "COMPENSATION_FAILED", parked: true },
      outcome: "applied",
      code: null,
      detail: null,
      after: { status: "COMPENSATING", parked: false },
      requested_at: EXAMPLE.time,
      completed_at: EXAMPLE.time
    }
  ],
  next_cursor: null
}

const saga = {
  id: EXAMPLE.payment,
  payment_id: EXAMPLE.payment,
  user_id: "ana",
  status: "COMPENSATION_FAILED",
  step: "ProcessWithGateway",
  age_seconds: 540,
  recoveries: 3,
  parked: true,
  stuck_since: EXAMPLE.time,
  waiting: { reason: "no answer after 3 recoveries", since: null, closing: false },
  failure: { code: "PAYMENT_DECLINED", stage: "GATEWAY_PROCESSING", reason: "stripe declined for good" },
  deadline: EXAMPLE.time,
  version: 11,
  started_at: EXAMPLE.time,
  updated_at: EXAMPLE.time
}
export const sagas = { data: [saga], next_cursor: null }

const attempt = {
  provider: "stripe",
  attempt: 1,
  status: "DECLINED",
  provider_reference: null,
  code: "stolen_card",
  started_at: EXAMPLE.time,
  updated_at: EXAMPLE.time
}
const event = {
  id: EXAMPLE.other,
  type: "SagaParked",
  stream: `saga-${EXAMPLE.payment}`,
  version: 11,
  time: EXAMPLE.time,
  caused_by: EXAMPLE.other,
  correlation_id: EXAMPLE.payment,
  actor: "service:saga",
  data: { payment_id: EXAMPLE.payment, step: "ProcessWithGateway", reason: "no answer after 3 recoveries" }
}
export const sagaOne = { ...saga, attempts: [attempt], events: [event] }

export const resumed = {
  asks: { reason: "the wallet's database is back" },
  answers: {
    ...saga,
    status: "COMPENSATING",
    recoveries: 0,
    parked: false,
    waiting: null,
    version: 12,
    action_id: EXAMPLE.other
  }
}

export const resolved = {
  asks: { outcome: "charged", evidence: "pi_3QK", reason: "the charge is in Stripe's dashboard" },
  answers: { ...pay.answers, action_id: EXAMPLE.other }
}

const breaker = {
  provider: "stripe",
  state: "open",
  forced: true,
  failures: 0,
  reason: "maintenance announced for tonight",
  until: null,
  updated_at: EXAMPLE.time
}
export const breakers = { data: [breaker], next_cursor: null }
export const forced = { asks: { reason: breaker.reason }, answers: { ...breaker, action_id: EXAMPLE.other } }

export const lag = { data: [{ service: "wallet", lag: 12, oldest_waiting: EXAMPLE.time }], next_cursor: null }

export const alerts = {
  data: [
    {
      name: "saga_parked",
      severity: "critical",
      since: EXAMPLE.time,
      count: 1,
      subjects: [EXAMPLE.payment],
      summary: "1 saga gave up: no answer after all recoveries",
      what_to_do: "See why it waits, remove the cause, then POST /api/v1/ops/sagas/{id}/resume."
    }
  ],
  next_cursor: null
}
