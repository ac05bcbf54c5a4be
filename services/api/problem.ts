/** A refusal on its way to the client: a value in the error channel. `responses.ts` gives it its HTTP answer. */
import type { ErrorCode } from "../../shared/contract/errors.ts"

export type Details = Readonly<Record<string, unknown>>

export interface Problem {
  readonly _tag: "Problem"
  readonly code: ErrorCode
  /** This occurrence, in a sentence; not to be parsed. */
  readonly detail?: string | undefined
  readonly details?: Details | undefined
  /** One entry per field that is wrong (RFC 9457 section 3). */
  readonly errors?: ReadonlyArray<{ readonly detail: string; readonly pointer: string }> | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
}

export const problem = (code: ErrorCode, rest: Omit<Problem, "_tag" | "code"> = {}): Problem => ({
  _tag: "Problem",
  code,
  ...rest
})

/** A request that names a field wrongly, outside of the body (a parameter, a header). */
export const invalidField = (field: string, detail: string): Problem =>
  problem("INVALID_REQUEST", { detail: `${field} ${detail}`, details: { field } })
