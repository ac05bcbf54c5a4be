/**
 * The HTTP edge: every request runs through the same few steps (who, what, which key), then through its route's
 * handler, as one Effect. It decides nothing; it turns requests into commands and records into answers.
 */
import { Clock, Context, Effect, Exit, Layer, Result, Tracer } from "effect"
import { Hono } from "hono"
import { AuditTrail } from "../../shared/runtime/audit.ts"
import type { Commands } from "../../shared/runtime/commands.ts"
import { Consistency } from "../../shared/runtime/consistency.ts"
import { Ids } from "../../shared/runtime/ids.ts"
import { Webhooks } from "../../shared/runtime/webhooks.ts"
import { type Auth, makeAuth, type Principal } from "./auth.ts"
import type { Bell } from "./bell.ts"
import { readJson, readRaw } from "./body.ts"
import { keyOf, makeIdempotency } from "./idempotency.ts"
import { Letters } from "./letters/records.ts"
import { openApi } from "./openapi.ts"
import { OpsStore } from "./ops/records.ts"
import { makeOwners } from "./owners.ts"
import { patientCommands } from "./patience.ts"
import { problem } from "./problem.ts"
import { Readiness } from "./readiness.ts"
import { Store } from "./records.ts"
import { type Answer, type ApiFailure, problemAnswer, toProblem } from "./responses.ts"
import type { Route } from "./route.ts"
import { bulkRoute } from "./routes/bulk.ts"
import { documentRoute } from "./routes/document.ts"
import { healthRoutes } from "./routes/health.ts"
import { holdRoutes } from "./routes/holds.ts"
import { opsRoutes } from "./routes/ops.ts"
import type { Parts } from "./routes/parts.ts"
import { paymentRoutes } from "./routes/payments.ts"
import { transferRoutes } from "./routes/transfers.ts"
import { walletRoutes } from "./routes/wallets.ts"
import { webhookRoutes } from "./routes/webhooks.ts"
import { withdrawalRoutes } from "./routes/withdrawals.ts"
import { makeStreams } from "./streams.ts"
import { as, begin, type Trace } from "./trace.ts"
import { makeTurns } from "./turns.ts"
import { makeWait } from "./wait.ts"

export interface ApiSettings {
  /** One span a request. Off, traces are continued all the same: their ids travel. */
  readonly tracing: boolean
  /** Absent: payments end in other processes, and are asked for. */
  readonly bell?: Bell
  /**
   * Since when (ms) this process alone serves the API: leases of idempotency keys older than that died with their
   * process. Absent: others may serve it too.
   */
  readonly aloneSince?: number
}

/** What composition puts behind the edge. */
type Behind = Commands | Webhooks | Store | OpsStore | Letters | Consistency | AuditTrail | Ids | Readiness

export class Api extends Context.Service<
  Api,
  {
    readonly fetch: (request: Request) => Response | Promise<Response>
    /** Requests that have no answer yet. */
    readonly inFlight: () => number
    /** Ends the streams: their clients come again, to whoever serves them then. */
    readonly endStreams: () => void
    /** Answers those who wait for a payment with what there is. */
    readonly release: () => void
    readonly routes: ReadonlyArray<Route>
  }
>()("api/Api") {
  static readonly layerFrom = (settings: ApiSettings): Layer.Layer<Api, never, Behind> =>
    Layer.effect(Api, makeApi(settings))
}

/** More than any client gets answered in time: the rest are told to come back. */
const IN_FLIGHT_MAX = 20_000

const makeApi = Effect.fnUntraced(function* (settings: ApiSettings) {
  const store = yield* Store
  const readiness = yield* Readiness
  const ids = yield* Ids
  const wait = yield* makeWait(store, settings.bell)
  const waitForRefund = yield* makeWait({ ended: store.refundsEnded, atProvider: () => Effect.succeed([]) })
  const streams = yield* makeStreams(store)
  const parts: Parts = {
    commands: yield* patientCommands,
    store,
    ops: yield* OpsStore,
    letters: yield* Letters,
    consistency: yield* Consistency,
    trail: yield* AuditTrail,
    ids,
    readiness,
    turns: yield* makeTurns(),
    wait,
    waitForRefund,
    streams,
    idempotency: makeIdempotency(store, settings.aloneSince),
    aloneSince: settings.aloneSince ?? 0,
    owners: makeOwners(store),
    webhooks: yield* Webhooks
  }
  const described = [
    ...walletRoutes(parts),
    ...holdRoutes(parts),
    ...transferRoutes(parts),
    ...withdrawalRoutes(parts),
    bulkRoute(parts),
    ...paymentRoutes(parts),
    ...opsRoutes(parts),
    ...webhookRoutes(parts),
    ...healthRoutes(parts)
  ]
  const routes = [...described, documentRoute((self) => openApi([...described, self]))]
  const edge = new Edge(settings, makeAuth(store), readiness, ids, yield* Effect.context<never>())
  return Api.of({
    fetch: serving(edge, routes).fetch,
    inFlight: () => edge.inFlight,
    endStreams: () => streams.release(),
    release: () => {
      wait.release()
      waitForRefund.release()
    },
    routes
  })
})

const serving = (edge: Edge, routes: ReadonlyArray<Route>): Hono => {
  const app = new Hono({ strict: true })
  const methods = new Map<string, Array<string>>()
  for (const route of routes) {
    const path = route.path.replaceAll(/\{(\w+)\}/g, ":$1")
    methods.set(path, [...(methods.get(path) ?? []), route.method])
    app.on(route.method, path, (c) => edge.serve(route, c.req.raw, c.req.param("id") ?? c.req.param("provider") ?? ""))
  }
  for (const [path, allowed] of methods) {
    const allow = allowed.flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method])).join(", ")
    app.all(path, (c) => edge.refuse(c.req.raw, "METHOD_NOT_ALLOWED", { allow }))
  }
  app.notFound((c) => edge.refuse(c.req.raw, "NOT_FOUND"))
  return app
}

class Edge {
  inFlight = 0
  private readonly settings: ApiSettings
  private readonly auth: Auth
  private readonly readiness: Readiness["Service"]
  private readonly ids: Ids["Service"]
  private readonly clock: Clock.Clock
  private readonly run: (effect: Effect.Effect<Response>) => Promise<Exit.Exit<Response>>

  constructor(
    settings: ApiSettings,
    auth: Auth,
    readiness: Readiness["Service"],
    ids: Ids["Service"],
    context: Context.Context<never>
  ) {
    this.settings = settings
    this.auth = auth
    this.readiness = readiness
    this.ids = ids
    this.clock = Context.get(context, Clock.Clock)
    // Never with the request's signal: a command that moves money goes on when its client has left.
    this.run = Effect.runPromiseExitWith(context)
  }

  async serve(route: Route, request: Request, id: string): Promise<Response> {
    const now = this.clock.currentTimeMillisUnsafe()
    const trace = begin(request.headers.get("traceparent"), this.ids.next(now))
    // Those turned away, and probes of health, keep no drain waiting.
    const counted = isWork(route) && !this.closed(route) ? 1 : 0
    this.inFlight += counted
    try {
      const exit = await this.run(this.answered(route, request, id.toLowerCase(), now, trace))
      if (Exit.isSuccess(exit)) return exit.value
      await this.run(Effect.as(Effect.logError(`${route.method} ${route.path} broke`, exit.cause), new Response()))
      return respond(problemAnswer(problem("INTERNAL"), pathOf(request), trace), trace)
    } finally {
      this.inFlight -= counted
    }
  }

  refuse(request: Request, code: "NOT_FOUND" | "METHOD_NOT_ALLOWED", headers?: Record<string, string>): Response {
    const id = this.ids.next(this.clock.currentTimeMillisUnsafe())
    const trace = begin(request.headers.get("traceparent"), id)
    return respond(problemAnswer(problem(code, { headers }), pathOf(request), trace), trace)
  }

  /** While it starts and while it drains only its health is told. */
  private closed(route: Route): boolean {
    return isWork(route) && this.readiness.phase() !== "running"
  }

  private answered(route: Route, request: Request, id: string, now: number, trace: Trace): Effect.Effect<Response> {
    if (!this.settings.tracing) return this.inTrace(route, request, id, now, trace)
    const { traceId, parentId, sampled } = trace
    const parent = parentId === undefined ? {} : { parent: Tracer.externalSpan({ traceId, spanId: parentId, sampled }) }
    return Effect.useSpan(`${route.method} ${route.path}`, { kind: "server", root: true, ...parent }, (span) =>
      this.inTrace(route, request, id, now, as(span.traceId, parentId, span.spanId, span.sampled))
    )
  }

  private inTrace(route: Route, request: Request, id: string, now: number, trace: Trace): Effect.Effect<Response> {
    return this.handled(route, request, id, now, trace).pipe(
      Effect.catch((failure) => Effect.succeed(problemAnswer(toProblem(failure), pathOf(request), trace))),
      Effect.map((answer) => respond(answer, trace))
    )
  }

  private handled(
    route: Route,
    request: Request,
    id: string,
    now: number,
    trace: Trace
  ): Effect.Effect<Answer, ApiFailure> {
    const query = route.parameters === undefined ? NO_QUERY : queryOf(request)
    const asked = { now, trace, id, query, headers: request.headers, key: undefined, body: undefined }
    if (isWork(route) && (this.inFlight > IN_FLIGHT_MAX || this.closed(route))) return Effect.fail(unavailable)
    if (route.raw !== undefined)
      return Effect.flatMap(readRaw(request, route.raw.maxBytes), (body) =>
        route.handle({ ...asked, principal: NOBODY, body })
      )
    if (route.scope === undefined) return route.handle({ ...asked, principal: NOBODY })
    return Effect.flatMap(this.auth.check(request.headers.get("authorization"), route.scope, now), (principal) => {
      if (route.body === undefined) return route.handle({ ...asked, principal })
      const { decode, optional, maxBytes } = route.body
      return Effect.flatMap(readJson(request, optional, maxBytes), (json) => {
        const key = route.key === undefined ? undefined : keyOf(request.headers.get("idempotency-key"))
        if (typeof key === "object") return Effect.fail(key)
        if (route.key === "required" && key === undefined) return Effect.fail(keyRequired)
        const body = decode(json)
        if (Result.isFailure(body)) return Effect.fail(body.failure)
        return route.handle({ ...asked, principal, key, body: body.success })
      })
    })
  }
}

/** What changes or reads something, other than telling how the process is. */
const isWork = ({ scope, raw }: Route): boolean => scope !== undefined || raw !== undefined

const NO_QUERY = new URLSearchParams()
const NOBODY: Principal = { tenant: "", actor: "", scopes: new Set() }
const keyRequired = problem("IDEMPOTENCY_KEY_REQUIRED")
const unavailable = problem("UNAVAILABLE", { headers: { "retry-after": "1", connection: "close" } })

const queryOf = ({ url }: Request): URLSearchParams => {
  const at = url.indexOf("?")
  return at < 0 ? NO_QUERY : new URLSearchParams(url.slice(at + 1))
}

const pathOf = ({ url }: Request): string => new URL(url).pathname

const respond = ({ status, body, headers }: Answer, { traceId, traceparent }: Trace): Response =>
  new Response(body === "" ? null : body, {
    status,
    headers: {
      "content-type": "application/json",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
      "referrer-policy": "no-referrer",
      traceparent,
      trace_id: traceId,
      ...headers
    }
  })
