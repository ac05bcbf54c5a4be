/** What only operators meet. */
import { type Problem, problem } from "./problem.ts"

export const OPERATOR_ERRORS = {
  SAGA_NOT_FOUND: problem(
    404,
    "validation",
    false,
    "No such saga",
    "Check the id, which is the payment's; sagas of other tenants are not visible."
  ),
  BREAKER_NOT_FOUND: problem(404, "validation", false, "No such provider", "See GET /api/v1/ops/circuit-breakers."),
  DEAD_LETTER_NOT_FOUND: problem(
    404,
    "validation",
    false,
    "No such dead letter",
    "Check the id; dead letters of other tenants are not visible."
  ),
  DEAD_LETTER_CLOSED: problem(
    409,
    "conflict",
    false,
    "The dead letter is dealt with, or about to be",
    "Look at its status and history; nothing was asked for."
  ),
  SAGA_ENDED: problem(409, "conflict", false, "The saga has ended", "There is nothing left to do for it."),
  SAGA_NOT_COMPENSATABLE: problem(
    409,
    "unknown_outcome",
    false,
    "The saga cannot be compensated now",
    "An attempt could still take money, or has taken it: see detail. What is unknown has to be resolved first."
  ),
  NOTHING_UNKNOWN: problem(
    409,
    "conflict",
    false,
    "No attempt of the payment has an unknown outcome",
    "Only an attempt that is UNKNOWN or in REVIEW can be resolved by hand."
  )
} as const satisfies Record<string, Problem>
