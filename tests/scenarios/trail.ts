/** The audit trail as an auditor sees it: over HTTP, by the command, and in the database. */
import { join } from "node:path"
import type { Api } from "./client.ts"
import { codeOf } from "./client.ts"
import { eventually } from "./eventually.ts"
import type { Platform } from "./platform.ts"

export interface Walked {
  readonly status: string
  readonly valid: boolean
  readonly entries: number
  readonly waiting: number
  readonly chains: ReadonlyArray<{ readonly tenant: string; readonly first: number; readonly last: number }>
  readonly first_invalid?: {
    readonly tenant: string
    readonly seq: number
    readonly flaw: string
    readonly stream: string
    readonly version: number
    readonly type: string
    readonly detail: string
  }
}

export const VERIFY = "/api/v1/ops/audit/verify"

export const walk = async (api: Api): Promise<Walked> => {
  const answer = await api.post(VERIFY)
  if (answer.status !== 200) throw new Error(`${codeOf(answer)} ${answer.text}`)
  return JSON.parse(answer.text) as Walked
}

/** "event_changed 7", or "valid". */
export const told = ({ valid, first_invalid }: Walked): string =>
  valid ? "valid" : `${first_invalid?.flaw} ${first_invalid?.seq}`

/** Every event of the log that has not exactly one entry. */
export const unrecorded = async ({ sql }: Platform): Promise<number> => {
  const [row] = await sql<[{ n: number }]>`select count(*)::int as n from
    (select e.tp, e.off, count(a.seq) as n from journal.events e
     left join audit.entries a on a.tp = e.tp and a.off = e.off group by e.tp, e.off) x where n <> 1`
  return row.n
}

export const recorded = (platform: Platform, withinMs?: number) =>
  eventually(
    "every event is recorded once",
    () => unrecorded(platform),
    (n) => n === 0,
    withinMs
  )

const root = join(import.meta.dir, "../..")

/** `npm run audit -- …` */
export const command = async (env: Readonly<Record<string, string>>, ...args: ReadonlyArray<string>) => {
  const child = Bun.spawn([process.execPath, join(root, "infra/audit/main.ts"), ...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdout: "pipe",
    stderr: "pipe"
  })
  const [out, error] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  return { code: await child.exited, out, error }
}
