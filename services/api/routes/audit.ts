/** What operators did, newest first: who, what, why, before and after. */
import { Effect } from "effect"
import { isUuid } from "../../../shared/runtime/ids.ts"
import { audit } from "../ops/examples.ts"
import { actionView, OperatorAction } from "../ops/resources.ts"
import { paged, pageOf } from "../pagination.ts"
import { invalidField } from "../problem.ts"
import { page } from "../resources.ts"
import { json } from "../responses.ts"
import { CURSOR, isProblemOf, LIMIT, type Parameter, type Route, route } from "../route.ts"
import type { Parts } from "./parts.ts"

const text = (name: string, description: string): Parameter => ({
  name,
  in: "query",
  description,
  schema: { type: "string" }
})

export const auditRoutes = ({ ops, aloneSince }: Parts): ReadonlyArray<Route> => [
  route({
    method: "GET",
    path: "/api/v1/ops/audit",
    operation: "listOperatorActions",
    summary: "What operators did and why, newest first",
    scope: "ops:read",
    parameters: [
      text("target", "Done to this, such as saga-{id}"),
      text("actor", "Done by this operator, such as operator:{key id}"),
      text("action", "This action, such as saga.resume"),
      LIMIT,
      CURSOR
    ],
    answers: { 200: { says: "A page of actions", schema: page(OperatorAction, "OperatorActionPage"), example: audit } },
    problems: [],
    handle: Effect.fnUntraced(function* ({ now, principal, query }) {
      const [target, actor, action] = ["target", "actor", "action"].map((name) => query.get(name) ?? undefined)
      const asked = pageOf(query, `audit ${[target, actor, action].join(" ")}`)
      if (isProblemOf(asked)) return yield* Effect.fail(asked)
      const { after, limit } = asked
      if (after !== undefined && !isUuid(after))
        return yield* Effect.fail(invalidField("cursor", "is not one of this list: begin again without it"))
      const { tenant } = principal
      const actions = yield* ops.actions({ tenant, target, actor, action, after, limit: limit + 1 })
      return json(
        200,
        paged(
          actions,
          asked,
          ({ id }) => id,
          (found) => actionView(found, now, aloneSince)
        )
      )
    })
  })
]
