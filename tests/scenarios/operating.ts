/** What operators ask for and hear, and payments in the states that call for them. */
import { hash } from "node:crypto"
import type { Answer, Payment } from "./client.ts"
import { paymentOf } from "./client.ts"
import { eventually } from "./eventually.ts"
import type { Platform } from "./platform.ts"

export interface Saga {
  readonly id: string
  readonly status: string
  readonly step: string
  readonly age_seconds: number
  readonly recoveries: number
  readonly parked: boolean
  readonly stuck_since: string | null
  readonly waiting: { readonly reason: string; readonly since: string | null; readonly closing: boolean } | null
  readonly failure: { readonly code: string } | null
  readonly attempts?: ReadonlyArray<{ readonly provider: string; readonly status: string }>
  readonly events?: ReadonlyArray<{ readonly type: string }>
}

export interface Action {
  readonly id: string
  readonly action: string
  readonly target: string
  readonly reason: string
  readonly actor: string
  readonly outcome: string
  readonly code: string | null
  readonly before: Readonly<Record<string, unknown>>
  readonly after: Readonly<Record<string, unknown>> | null
}

export interface Alert {
  readonly name: string
  readonly severity: string
  readonly since: string
  readonly count: number
  readonly subjects: ReadonlyArray<string>
  readonly what_to_do: string
}

const OPS = "/api/v1/ops"
export const REASON = "seen in the provider's dashboard"

export const operating = ({ api }: Pick<Platform, "api">) => {
  const list = async <A>(path: string): Promise<ReadonlyArray<A>> => {
    const answer = await api.get(`${OPS}/${path}`)
    if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${answer.text}`)
    return JSON.parse(answer.text).data
  }
  return {
    sagas: (query: string) => list<Saga>(`sagas?${query}`),
    saga: async (id: string): Promise<Saga> => JSON.parse((await api.get(`${OPS}/sagas/${id}`)).text),
    alerts: () => list<Alert>("alerts"),
    breakers: () =>
      list<{ readonly provider: string; readonly state: string; readonly forced: boolean }>("circuit-breakers"),
    lag: () => list<{ readonly service: string; readonly lag: number }>("lag"),
    /** What was done to it, newest first. */
    audit: (target: string) => list<Action>(`audit?target=${target}`),
    act: (path: string, body: object = { reason: REASON }): Promise<Answer> => api.post(`${OPS}/${path}`, body)
  }
}

/** An API key with the scopes, of a tenant of its own unless it is named. */
export const keyWith = async ({ sql, apiAs }: Platform, scopes: string, tenant = "default") => {
  const key = `sk_${tenant}_${scopes.replaceAll(/\W/g, "_")}`
  await sql`insert into api.api_keys (id, tenant, name, hash, scopes, created_at)
    values (${key}, ${tenant}, 'test', ${hash("sha256", key, "hex")}, ${scopes}, 0) on conflict do nothing`
  return apiAs(key)
}

export const isUnknown = ({ processing }: Payment) => processing?.reason === "provider_outcome_unknown"

/** Stripe takes the charge, or does not, gives no answer to it, and from then on answers nothing at all. */
export const silence = async ({ api, sim, sql }: Platform, charges: boolean, amount: number, key = "") => {
  const wallet = await api.open(amount * 2)
  await sim.behaviour("stripe", { fault: charges ? "reset-after" : "reset-before", op: "charge" })
  const asking = { prefer: "wait=0", ...(key === "" ? {} : { key }) }
  const { id } = paymentOf(await api.pay(wallet.id, amount, asking), 202)
  const sent = async () => (await sim.wire(id)).filter(({ op }) => op === "charge").length
  await eventually("stripe has heard of it", sent, (count) => count > 0)
  await sim.behaviour("stripe", { fault: "5xx-before", op: "any" })
  await eventually("it is unknown", () => api.payment(id), isUnknown)
  const heard = async () => (await sql`select status from saga.sagas where payment_id = ${id}`)[0]?.["status"]
  await eventually("the saga has heard of it", heard, (status) => status === "AWAITING_GATEWAY")
  return { wallet, id }
}

export const ended = ({ api }: Platform, id: string, status: string) =>
  eventually(
    `${id} is ${status}`,
    () => api.payment(id),
    (payment) => payment.status === status,
    30_000
  )
