/** What operators are shown, from what is stored. */
import { expect, test } from "bun:test"
import type { Health } from "../readiness.ts"
import { alertsOf } from "./alerts.ts"
import type { BreakerRecord, Concern, SagaRecord } from "./records.ts"
import { breakerView } from "./resources.ts"
import { sagaView, stepOf } from "./saga-view.ts"

const T = Date.parse("2026-11-25T09:30:00.000Z")
const saga: SagaRecord = {
  id: "01935d6e-7c3a-7b1e-9a44-3f7c1f0f2a01",
  user_id: "ana",
  status: "AWAITING_GATEWAY",
  step: "ProcessWithGateway",
  failure: null,
  parked: false,
  waits: null,
  version: 5,
  deadline: T + 300_000,
  stuck_since: null,
  started_at: T,
  updated_at: T + 2_500,
  progress: null,
  reason: null,
  since: null
}

const steps: ReadonlyArray<readonly [SagaRecord["step"], string | null, string]> = [
  ["ValidatePayment", null, "ValidatePayment"],
  ["ValidatePayment", "WALLET_CHECKED", "DeductWalletBalance"],
  ["ValidatePayment", "WALLET_DEDUCTED", "ProcessWithGateway"],
  ["CheckWalletBalance", "GATEWAY_FALLBACK", "ProcessWithGateway"],
  ["ConfirmPayment", "GATEWAY_PROCESSING", "ConfirmPayment"],
  ["DeductWalletBalance", null, "DeductWalletBalance"]
]
test.each(steps)("a row at %s whose payment shows %p is at %s", (step, progress, is) =>
  expect(stepOf({ step, progress })).toBe(is as never)
)

const since = "2026-11-25T09:30:01.000Z"
const waits = (what: object) => JSON.stringify({ recoveries: 0, closing: false, ...what })
const waiting: ReadonlyArray<readonly [string, Partial<SagaRecord>, unknown]> = [
  ["nothing to tell", {}, null],
  ["an unknown outcome", { waits: waits({ reason: "r", since: T + 1_000 }) }, { reason: "r", since, closing: false }],
  ["as the payment shows it", { reason: "r", since: T + 1_000 }, { reason: "r", since, closing: false }],
  ["asked to close", { waits: waits({ closing: true }) }, { reason: "asked to close", since: null, closing: true }],
  ["nothing, once it has ended", { status: "FAILED", waits: waits({ reason: "r" }) }, null]
]
test.each(waiting)("why a saga waits: %s", (_, over, shown) =>
  expect(sagaView({ ...saga, ...over }, T).waiting).toEqual(shown as never)
)

test("a saga's age grows until it ends", () => {
  expect(sagaView(saga, T + 61_999).age_seconds).toBe(61)
  expect(sagaView({ ...saga, status: "COMPLETED" }, T + 61_999).age_seconds).toBe(2)
})

test("why it failed, in words", () => {
  const failure = JSON.stringify({ code: "PAYMENT_DECLINED", stage: "GATEWAY_PROCESSING", reason: "declined" })
  expect(sagaView({ ...saga, failure }, T).failure).toEqual({
    code: "PAYMENT_DECLINED",
    stage: "GATEWAY_PROCESSING",
    reason: "declined"
  })
})

const breaker: BreakerRecord = {
  provider: "stripe",
  state: "open",
  forced: false,
  failures: 5,
  reason: "r",
  until: T,
  updated_at: T
}

test("a breaker that was never moved is closed; one that is held open has no end", () => {
  expect(breakerView("adyen", undefined)).toMatchObject({
    state: "closed",
    forced: false,
    until: null,
    updated_at: null
  })
  expect(breakerView("stripe", breaker).until).toBe("2026-11-25T09:30:00.000Z")
  expect(breakerView("stripe", { ...breaker, forced: true }).until).toBeNull()
})

test("alerts: critical ones first, the oldest first among them; each says since when and what to do", () => {
  const concern = (name: Concern["name"], since: number): Concern => ({ name, count: 2, since, subjects: ["a", "b"] })
  const concerns = [concern("saga_stuck", T), concern("attempt_review", T + 2_000), concern("saga_parked", T + 1_000)]
  const health: Health = {
    ready: false,
    phase: "running",
    dependencies: { wallet: { up: false, since: T + 3_000 }, saga: { up: true, since: T } }
  }
  const alerts = alertsOf(concerns, [breaker, { ...breaker, provider: "paypal", state: "closed" }], health)
  expect(alerts.map(({ name, severity, since }) => `${severity} ${name} ${since.slice(14, 19)}`)).toEqual([
    "critical saga_parked 30:01",
    "critical attempt_review 30:02",
    "critical not_ready 30:03",
    "warning saga_stuck 30:00",
    "warning breaker_open 30:00"
  ])
  for (const { what_to_do, summary } of alerts) expect(what_to_do.length > 20 && summary.length > 10).toBe(true)
  expect(alerts.find(({ name }) => name === "not_ready")).toMatchObject({ count: 1, subjects: ["wallet"] })
})

test("nothing wrong, no alert", () => {
  expect(alertsOf([], [], { ready: true, phase: "running", dependencies: { wallet: { up: true } } })).toEqual([])
})
