/** Drift, planted into the real database, and what the product's own checks say of it. */

import { codeOf } from "./client.ts"
import { violations } from "./conservation.ts"
import type { Platform } from "./platform.ts"

export interface Finding {
  readonly kind: string
  readonly stream: string
  readonly version: number | null
  readonly table: string | null
  readonly repairable: boolean
  readonly detail: string
}

export interface Report {
  readonly status: string
  readonly scope: string
  readonly duration_ms: number
  readonly checked: { readonly [of in "wallets" | "payments" | "sagas" | "postings"]: number }
  readonly inconsistencies: ReadonlyArray<Finding>
}

export interface Repair {
  readonly corrected: ReadonlyArray<{ readonly stream: string; readonly table: string }>
  readonly refused: ReadonlyArray<Finding>
  readonly report: Report
  readonly action_id: string
}

const PATH = "/api/v1/ops/consistency"

export const checksOf = ({ api }: Platform) => {
  const answer = async <A>(path: string, body: unknown): Promise<A> => {
    const got = await api.post(path, body)
    if (got.status !== 200) throw new Error(`${path}: ${codeOf(got)} ${got.text}`)
    return JSON.parse(got.text) as A
  }
  return {
    verify: (body?: object) => answer<Report>(`${PATH}/verify`, body),
    repair: (body: object) => answer<Repair>(`${PATH}/repair`, { reason: "planted by a test", ...body }),
    last: async () => JSON.parse((await api.get(PATH)).text) as Report
  }
}

/** "kind stream@version", the way a person reads it. */
export const told = ({ kind, stream, version }: Finding): string => `${kind} ${stream}${version ? `@${version}` : ""}`

/** At rest, by the judge that is not the product. */
export const atRest = (platform: Platform) => violations(platform)
