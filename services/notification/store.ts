/** The messages users were given; the journal writes them in the commit of UserNotified. */
import type { Table } from "../../shared/runtime/decider.ts"

export const notificationsTable: Table = {
  name: "notification.notifications",
  columns: {
    id: "uuid",
    tenant: "text",
    user_id: "text",
    payment_id: "uuid",
    title: "text",
    message: "text",
    created_at: "bigint"
  },
  key: ["id"],
  write: "replace"
}
