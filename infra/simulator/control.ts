/** The control plane, `/_sim/…`: arm faults, read the truth, set the call-backs, move the clock. */
import { networkInterfaces } from "node:os"
import { advanceClock, iso, now } from "./clock.ts"
import { BadControl, decodeBehaviour, type Faults, fields, integer } from "./faults.ts"
import type { Ledger } from "./ledger.ts"
import { type Answer, type Call, PROVIDERS, type Provider } from "./provider.ts"
import { csvReport, jsonReport } from "./reports.ts"
import type { Tasks } from "./tasks.ts"
import { decodeSettings, type Webhooks } from "./webhooks.ts"
import type { Wire } from "./wire.ts"

export type Controlled = {
  readonly faults: Faults
  readonly ledger: Ledger
  readonly wire: Wire
  readonly tasks: Tasks
  readonly webhooks: Webhooks
  readonly providers: ReadonlyArray<Provider>
}

const CLOCK_STEP_MAX_MS = 400 * 24 * 3600 * 1000

const json = (status: number, body: string | object): Answer => ({
  status,
  body: typeof body === "string" ? body : JSON.stringify(body),
  headers: { "content-type": "application/json" }
})

const isLocal = (host: string): boolean => {
  const ours = Object.values(networkInterfaces()).flatMap((all) => all?.map(({ address }) => address) ?? [])
  return ["localhost", "[::1]", ...ours].includes(host)
}

/** Only this machine: whoever reaches the control plane must not make the simulator call others. */
const targetOf = (given: unknown): string | undefined => {
  if (given === null) return undefined
  if (typeof given !== "string" || !URL.canParse(given)) throw new BadControl("target: an address, or null for none")
  const { protocol, hostname } = new URL(given)
  if (protocol !== "http:" || !isLocal(hostname)) throw new BadControl("target: an http address of this machine")
  return given
}

const parse = (text: string): unknown => {
  try {
    return text.trim() === "" ? {} : (JSON.parse(text) as unknown)
  } catch {
    throw new BadControl("body: not JSON")
  }
}

const moment = (query: URLSearchParams, name: string, otherwise: number): number => {
  const text = query.get(name)
  if (text === null) return otherwise
  const at = Date.parse(text)
  if (Number.isNaN(at)) throw new BadControl(`${name}: a time such as 2026-11-25 or 2026-11-25T09:30:00Z`)
  return at
}

/** A provider's report of what moved: `from` and before `to`; default all. */
const report = ({ ledger }: Controlled, name: string, query: URLSearchParams): Answer => {
  const provider = PROVIDERS.find((known) => known === name)
  if (provider === undefined) throw new BadControl(`provider: one of ${PROVIDERS.join(", ")}`)
  const format = query.get("format") ?? "csv"
  const movements = ledger.between(provider, moment(query, "from", 0), moment(query, "to", Number.MAX_SAFE_INTEGER))
  if (format === "json") return json(200, jsonReport(provider, movements))
  if (format !== "csv") throw new BadControl("format: csv or json")
  const headers = { "content-type": "text/csv; charset=utf-8" }
  return { status: 200, body: csvReport(provider, movements), headers }
}

const REPORTS = "/_sim/reports/"

const read = (sim: Controlled, path: string, query: string): Answer | undefined => {
  if (path.startsWith(REPORTS)) return report(sim, path.slice(REPORTS.length), new URLSearchParams(query))
  switch (path) {
    case "/_sim/health":
      return json(200, { status: "ok", now: iso(now()) })
    case "/_sim/ledger":
      return json(200, sim.ledger.json())
    case "/_sim/wire":
      return json(200, sim.wire.json())
    case "/_sim/webhooks":
      return json(200, sim.webhooks.settings)
    default:
      return undefined
  }
}

const write = (sim: Controlled, path: string, body: string): Answer | undefined => {
  switch (path) {
    case "/_sim/reset":
      sim.faults.reset()
      sim.webhooks.reset()
      return json(200, { reset: true })
    case "/_sim/webhooks": {
      const settings = decodeSettings(parse(body))
      sim.webhooks.set(settings)
      return json(200, settings)
    }
    case "/_sim/webhook-target": {
      const target = targetOf(fields(parse(body), ["target"])["target"])
      sim.webhooks.aim(target)
      return json(200, { target: target ?? null })
    }
    case "/_sim/clock": {
      const ms = integer("advance_ms", fields(parse(body), ["advance_ms"])["advance_ms"], 1, CLOCK_STEP_MAX_MS)
      if (ms === undefined) throw new BadControl("advance_ms: required")
      advanceClock(ms)
      sim.tasks.recheck()
      return json(200, { now: iso(now()) })
    }
    default:
      return undefined
  }
}

const ofProvider = (sim: Controlled, path: string, body: string): Answer | undefined => {
  const [, , name, action, more] = path.split("/")
  const provider = PROVIDERS.find((known) => known === name)
  if (action === undefined || more !== undefined) return undefined
  if (provider === undefined) throw new BadControl(`provider: one of ${PROVIDERS.join(", ")}`)
  if (action === "behaviour") {
    const behaviour = decodeBehaviour(provider, parse(body))
    sim.faults.arm(behaviour)
    const { id: _, random: __, ...armed } = behaviour
    return json(200, { provider, ...armed })
  }
  const control = sim.providers.find((known) => known.name === provider)?.controls[action]
  return control === undefined ? undefined : json(200, control(parse(body)))
}

const problem = (status: number, title: string, detail: string): Answer => ({
  status,
  body: JSON.stringify({ type: "about:blank", title, status, detail }),
  headers: { "content-type": "application/problem+json" }
})

export const control = (sim: Controlled, call: Call): Answer => {
  try {
    const found =
      call.method === "GET"
        ? read(sim, call.path, call.query)
        : call.method === "POST"
          ? (write(sim, call.path, call.body) ?? ofProvider(sim, call.path, call.body))
          : undefined
    return found ?? problem(404, "Not found", `no ${call.method} ${call.path} in the control plane`)
  } catch (error) {
    if (error instanceof BadControl) return problem(400, "Bad control input", error.message)
    throw error
  }
}
