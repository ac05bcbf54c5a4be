/** Lists and searches. A list is consistent with every write before it; a search lags, as the real one does. */
import { now } from "../clock.ts"
import { type Form, group, text } from "../form.ts"
import { invalid } from "./problem.ts"
import type { Intent, Refund, Store } from "./records.ts"
import { renderIntent, renderRefund } from "./render.ts"

const LIMIT_DEFAULT = 10
const LIMIT_MAX = 100
/** Search answers from an index that is this old: nobody may take "not found" from it for an answer. */
export const SEARCH_LAG_MS = 1000

const limitOf = (form: Form): number => {
  const value = text(form, "limit")
  if (value === undefined) return LIMIT_DEFAULT
  const limit = Number(value)
  if (!Number.isInteger(limit) || limit < 1 || limit > LIMIT_MAX)
    throw invalid(`Invalid limit: must be an integer from 1 to ${LIMIT_MAX}`, "parameter_invalid_integer", "limit")
  return limit
}

const createdFilter = (form: Form): ((created: number) => boolean) => {
  const exact = text(form, "created")
  if (exact !== undefined) return (created) => created === Number(exact)
  const range = group(form, "created") ?? {}
  const bound = (name: string) => (typeof range[name] === "string" ? Number(range[name]) : undefined)
  const [gte, gt, lte, lt] = [bound("gte"), bound("gt"), bound("lte"), bound("lt")]
  return (created) =>
    (gte === undefined || created >= gte) &&
    (gt === undefined || created > gt) &&
    (lte === undefined || created <= lte) &&
    (lt === undefined || created < lt)
}

/** Newest first, from after `starting_after`; asks for one more than the page to know whether there is more. */
const page = <T extends { readonly id: string }>(rows: Iterable<T>, form: Form, wanted: (row: T) => boolean) => {
  const limit = limitOf(form)
  const after = text(form, "starting_after")
  const newestFirst = [...rows].reverse()
  const start = after === undefined ? 0 : newestFirst.findIndex((row) => row.id === after) + 1
  const found: Array<T> = []
  for (let i = start; i < newestFirst.length && found.length <= limit; i++) {
    const row = newestFirst[i]
    if (row !== undefined && wanted(row)) found.push(row)
  }
  return { rows: found.slice(0, limit), has_more: found.length > limit }
}

export const listIntents = (store: Store, form: Form): object => {
  const inTime = createdFilter(form)
  const customer = text(form, "customer")
  const wanted = (intent: Intent) => inTime(intent.created) && (customer === undefined || intent.customer === customer)
  const { rows, has_more } = page(store.intents.rows.values(), form, wanted)
  return { object: "list", url: "/v1/payment_intents", has_more, data: rows.map((intent) => renderIntent(intent)) }
}

export const listRefunds = (store: Store, form: Form): object => {
  const [intent, charge] = [text(form, "payment_intent"), text(form, "charge")]
  const wanted = (refund: Refund) =>
    (intent === undefined || refund.intent === intent) && (charge === undefined || refund.charge === charge)
  const { rows, has_more } = page(store.refunds.rows.values(), form, wanted)
  return { object: "list", url: "/v1/refunds", has_more, data: rows.map(renderRefund) }
}

const CLAUSE = /^(?:metadata\[["']([^"']+)["']\]|(status|customer|currency|amount)):["']?([^"']*)["']?$/

/** The part of the query language we use: clauses of equality joined by AND. */
export const searchIntents = (store: Store, form: Form): object => {
  const query = text(form, "query")
  if (query === undefined) throw invalid("Missing required param: query.", "parameter_missing", "query")
  const clauses = query.split(/\s+AND\s+/i).map((clause) => {
    const [, key, field, value] = CLAUSE.exec(clause.trim()) ?? []
    if (value === undefined) throw invalid(`We were unable to parse your search query: ${clause}`, undefined, "query")
    return (intent: Intent) =>
      (key === undefined ? String(intent[field as "status"] ?? "") : intent.metadata[key]) === value
  })
  const indexed_s = (now() - SEARCH_LAG_MS) / 1000
  const wanted = (intent: Intent) => intent.created <= indexed_s && clauses.every((clause) => clause(intent))
  const { rows, has_more } = page(store.intents.rows.values(), form, wanted)
  const data = rows.map((intent) => renderIntent(intent))
  return { object: "search_result", url: "/v1/payment_intents/search", has_more, next_page: null, data }
}
