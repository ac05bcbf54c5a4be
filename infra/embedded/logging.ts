/** What an operator reads on the terminal: one JSON line per thing that wants attention; nothing per payment. */
import type { SagaEvent } from "../../shared/contract/saga.ts"
import type { Observer } from "../../shared/runtime/observer.ts"

const line = (level: string, message: string, facts: object) =>
  console.error(JSON.stringify({ at: new Date().toISOString(), level, message, ...facts }))

/** What is done about the saga, at which step and why. */
const facts = (data: unknown) => {
  const { action, step, reason, recoveries } = data as Extract<SagaEvent, { type: "SagaRecoveryAttempted" }>["data"]
  return { action, step, reason, recoveries }
}

export const logging: Observer = {
  committed: ({ service, events }) => {
    if (service !== "saga") return
    for (const { type, subject, data } of events) {
      if (type === "SagaRecoveryAttempted") line("info", "recovering", { stream: subject, ...facts(data) })
    }
  },
  refused: (service, message, { code, reason }) =>
    line("info", "refused", { service, type: message.type, stream: message.subject, code, reason }),
  buried: (service, unit, errorClass, error) => line("error", "dead letter", { service, unit, errorClass, error }),
  redriven: (service, unit, { taken, letter }) =>
    line(letter === "failed" ? "error" : "info", `dead letter ${letter ?? "redriven"}`, { service, unit, taken }),
  stalled: (service, detail) => line("warn", "the store refuses work, trying again", { service, detail })
}
