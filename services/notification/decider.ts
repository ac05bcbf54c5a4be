/** The notification service as the journal runs it. */
import { Schema } from "effect"
import type { Message, Recorded } from "../../shared/contract/envelope.ts"
import type { NotificationEvent } from "../../shared/contract/saga.ts"
import { type Decider, NOTHING, type Projected } from "../../shared/runtime/decider.ts"
import { decide, evolve, initial, type State } from "./notification.ts"
import { notificationsTable } from "./store.ts"

const project = (_state: State, event: Recorded<NotificationEvent>, cause: Message): ReadonlyArray<Projected> => {
  const { payment_id, user_id, title, message } = event.data
  const row = { id: event.id, tenant: cause.tenant, user_id, payment_id, title, message, created_at: event.time }
  return [{ table: notificationsTable, row }]
}

export const notificationDecider: Decider<State, NotificationEvent> = {
  service: "notification",
  topic: "metrics-events",
  initial,
  route: (message) => (message.type === "NotifyUser" ? message.subject : undefined),
  // A refund's message follows that of the payment's end.
  begins: (message) => message.type === "NotifyUser" && !("refund_id" in (message.data as object)),
  decide,
  evolve,
  react: () => NOTHING,
  wakeAt: () => undefined,
  postings: () => [],
  project,
  snapshot: { schema: 1, codec: Schema.Struct({ told: Schema.Boolean }) }
}
