/** Everything for operators. What changes something goes through `operate`, with a reason. */
import type { Route } from "../route.ts"
import { alertRoutes } from "./alerts.ts"
import { auditRoutes } from "./audit.ts"
import { breakerRoutes } from "./breakers.ts"
import { consistencyRoutes } from "./consistency.ts"
import { deadLetterRoutes } from "./dead-letters.ts"
import type { Parts } from "./parts.ts"
import { resolveRoutes } from "./resolve.ts"
import { sagaRoutes } from "./sagas.ts"
import { trailRoutes } from "./trail.ts"

export const opsRoutes = (parts: Parts): ReadonlyArray<Route> => [
  ...sagaRoutes(parts),
  ...resolveRoutes(parts),
  ...breakerRoutes(parts),
  ...alertRoutes(parts),
  ...deadLetterRoutes(parts),
  ...consistencyRoutes(parts),
  ...auditRoutes(parts),
  ...trailRoutes(parts)
]
