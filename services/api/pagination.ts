/** Pages by key, never by offset: stable while others insert. A cursor is opaque and belongs to one list and filter. */
import { hash } from "node:crypto"
import { invalidField, type Problem } from "./problem.ts"

const LIMIT_DEFAULT = 50
const LIMIT_MAX = 200

export interface Page {
  readonly limit: number
  /** Key of the last item of the page before. */
  readonly after: string | undefined
  readonly filter: string
}

const isProblem = (value: unknown): value is Problem => typeof value === "object"

/** `filter`: what the list is of; a cursor of another one is refused. */
export const pageOf = (query: URLSearchParams, filter: string): Page | Problem => {
  const limit = limitOf(query.get("limit"))
  if (isProblem(limit)) return limit
  const cursor = query.get("cursor")
  const after = cursor === null ? undefined : keyOf(cursor, filter)
  return isProblem(after) ? after : { limit, after, filter }
}

const limitOf = (text: string | null): number | Problem => {
  if (text === null) return LIMIT_DEFAULT
  const limit = /^\d{1,3}$/.test(text) ? Number(text) : 0
  return limit >= 1 && limit <= LIMIT_MAX ? limit : invalidField("limit", `must be 1 to ${LIMIT_MAX}`)
}

const mark = (filter: string): string => hash("sha256", filter, "hex").slice(0, 8)

const keyOf = (cursor: string, filter: string): string | Problem => {
  const [of, key] = Buffer.from(cursor, "base64url").toString("latin1").split("|")
  const fits = of === mark(filter) && key !== undefined && /^[0-9a-f-]{1,36}$/.test(key)
  return fits ? key : invalidField("cursor", "is not one of this list: begin again without it")
}

/** Asked for one more than fits, so that the last page says it is the last. */
export const paged = <A, B>(found: ReadonlyArray<A>, page: Page, key: (item: A) => string, view: (item: A) => B) => {
  const items = found.slice(0, page.limit)
  const last = items.at(-1)
  const more = found.length > page.limit && last !== undefined
  const cursor = more ? Buffer.from(`${mark(page.filter)}|${key(last)}`, "latin1").toString("base64url") : null
  return { data: items.map(view), next_cursor: cursor }
}
