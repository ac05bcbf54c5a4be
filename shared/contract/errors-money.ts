/** What clients meet at the verbs beside the payment: statements, transfers, withdrawals, bulk. */
import { type Problem, problem } from "./problem.ts"

export const MONEY_ERRORS = {
  TRANSFER_NOT_FOUND: problem(
    404,
    "validation",
    false,
    "No such transfer",
    "Check the id; a transfer that was refused was never made, and transfers of other tenants are not visible."
  ),
  WITHDRAWAL_NOT_FOUND: problem(
    404,
    "validation",
    false,
    "No such withdrawal",
    "Check the id; a withdrawal that was refused was never made, and withdrawals of other tenants are not visible."
  ),
  WITHDRAWAL_CLOSED: problem(
    409,
    "conflict",
    false,
    "The withdrawal has ended",
    "It was settled or it failed, see details; nothing was changed."
  ),
  WITHDRAWAL_LIMIT_EXCEEDED: problem(
    422,
    "business",
    false,
    "The wallet has too many withdrawals under way",
    "Wait until some of them are settled."
  ),
  STATEMENT_TOO_LONG: problem(
    422,
    "validation",
    false,
    "Too much happened in that period for one statement",
    "Ask for a shorter period; one statement begins where the one before it ends."
  )
} as const satisfies Record<string, Problem>
