/** Reading holds: one, and those of a wallet. A hold whose time is up is shown as expired from that moment on. */
import { Effect } from "effect"
import { isUuid } from "../../../shared/runtime/ids.ts"
import { asOf, etagOf, Hold, type HoldRecord, holdView } from "../holds/hold.ts"
import { paged, pageOf } from "../pagination.ts"
import { invalidField, problem } from "../problem.ts"
import { page } from "../resources.ts"
import { json, unchangedOr } from "../responses.ts"
import { type ApiRequest, CURSOR, ID, IF_NONE_MATCH, isProblemOf, LIMIT, type Route, route } from "../route.ts"
import type { Parts } from "./parts.ts"

export const holdReads = (parts: Parts): ReadonlyArray<Route> => [one(parts), many(parts)]

/** As it is stored. Another tenant's hold is not found. */
export const holdFound = Effect.fnUntraced(function* (
  { store }: Pick<Parts, "store">,
  { principal, id }: Pick<ApiRequest, "principal" | "id">
) {
  const hold = isUuid(id) ? yield* store.hold(principal.tenant, id) : undefined
  return hold ?? (yield* Effect.fail(problem("HOLD_NOT_FOUND", { details: { hold_id: id } })))
})

const one = (parts: Parts): Route =>
  route({
    method: "GET",
    path: "/api/v1/holds/{id}",
    operation: "getHold",
    summary: "A hold: what was captured of it, what is left, how it ended",
    scope: "wallets:read",
    parameters: [ID, IF_NONE_MATCH],
    answers: { 200: { says: "The hold", schema: Hold }, 304: { says: "The client's version is the current one" } },
    problems: ["HOLD_NOT_FOUND"],
    handle: (request) =>
      Effect.map(holdFound(parts, request), (hold) => {
        const shown = asOf(hold, request.now)
        return unchangedOr(request, etagOf(hold, shown), () => holdView(shown))
      })
  })

const many = ({ owners, store }: Parts): Route =>
  route({
    method: "GET",
    path: "/api/v1/wallets/{id}/holds",
    operation: "listHolds",
    summary: "Holds of a wallet, newest first",
    scope: "wallets:read",
    parameters: [ID, LIMIT, CURSOR],
    answers: { 200: { says: "A page of holds", schema: page(Hold, "HoldPage") } },
    problems: ["WALLET_NOT_FOUND"],
    handle: Effect.fnUntraced(function* ({ id, now, principal, query }) {
      const asked = pageOf(query, `holds ${id}`)
      if (isProblemOf(asked)) return yield* Effect.fail(asked)
      const { after, limit } = asked
      if (after !== undefined && !isUuid(after))
        return yield* Effect.fail(invalidField("cursor", "is not one of this list: begin again without it"))
      yield* owners.of(principal.tenant, id)
      const holds = yield* store.holds({ tenant: principal.tenant, wallet_id: id, after, limit: limit + 1 })
      const view = (hold: HoldRecord) => holdView(asOf(hold, now))
      return json(
        200,
        paged(holds, asked, (hold) => hold.id, view)
      )
    })
  })
