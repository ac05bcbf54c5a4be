/** What clients meet at the verbs beside the payment: statements, transfers, withdrawals, bulk. */
import { type Problem, problem } from "./problem.ts"

export const MONEY_ERRORS = {
  STATEMENT_TOO_LONG: problem(
    422,
    "validation",
    false,
    "Too much happened in that period for one statement",
    "Ask for a shorter period; one statement begins where the one before it ends."
  )
} as const satisfies Record<string, Problem>
