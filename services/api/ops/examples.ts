/** What the document shows of the operators' routes; a test decodes each. */
import { EXAMPLE } from "../../../shared/contract/catalogue.ts"

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
