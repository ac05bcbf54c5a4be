/** Moments in a query string. */
import { invalidField, type Problem } from "./problem.ts"

export const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/i

export const SUCH_AS = "must be a time such as 2026-11-25T09:30:00.000Z"

/** ms since the epoch; undefined where the parameter is absent. A `+` that came as a space is read as one. */
export const timeOf = (query: URLSearchParams, name: string): number | undefined | Problem => {
  const text = query.get(name)?.replace(" ", "+")
  if (text === undefined) return undefined
  const time = RFC3339.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(time) ? invalidField(name, SUCH_AS) : time
}
