/** What the simulator exports, in each provider's own columns, is read back as the movements of its ledger. */
import { afterAll, expect, test } from "bun:test"
import type { Movement } from "../../infra/simulator/ledger.ts"
import { csvReport, jsonReport } from "../../infra/simulator/reports.ts"
import { startSimulator } from "../../infra/simulator/server.ts"
import { readReport } from "../../services/api/reconciliation/report.ts"

const P = "01935d6e-7c3a-7b1e-9a44-3f7c1f0f2a01"
const AT = Date.parse("2026-11-25T09:30:00.000Z")
const PROVIDERS = ["stripe", "paypal", "adyen"] as const

const movement = (provider: Movement["provider"], over: Partial<Movement>): Movement => {
  const of = { id: "m_1", kind: "charge", parent: "parent_1", payment_id: P, amount: 1_234 } as const
  return { ...of, provider, currency: "USD", at: AT, ...over }
}

for (const provider of PROVIDERS)
  for (const format of ["csv", "json"] as const)
    test(`${provider} ${format}: charges, refunds, decimals, a charge of nobody's`, () => {
      const movements = [
        movement(provider, {}),
        movement(provider, { id: "m_2", kind: "refund", parent: "m_1", amount: 34 }),
        movement(provider, { id: "m_3", currency: "JPY", amount: 500 }),
        movement(provider, { id: "m,4", payment_id: null }),
        ...(provider === "paypal" ? [] : [movement(provider, { id: "m_5", currency: "KWD", amount: 1_230 })])
      ]
      const text = format === "csv" ? csvReport(provider, movements) : jsonReport(provider, movements)
      const read = readReport(provider, format, text)
      if ("wrong" in read) throw new Error(read.wrong)
      const plain = ({ kind, payment_id, amount, currency, at }: Movement) =>
        ({ kind, payment_id, amount: BigInt(amount), currency, at }) as const
      expect(read.rows.map(({ line: _, references, ...row }) => [references[0], row])).toEqual(
        movements.map((it) => [it.id, plain(it) as never])
      )
      expect(read.ignored).toBe(0)
    })

const simulator = await startSimulator({ port: 0 })
afterAll(() => simulator.stop())

test("GET /_sim/reports/{provider}: a time range, a format; anything else is a 400 that names it", async () => {
  const get = async (path: string) => {
    const answer = await fetch(`${simulator.url}/_sim/reports/${path}`)
    return `${answer.status} ${answer.headers.get("content-type")} ${(await answer.text()).slice(0, 40)}`
  }
  expect(await get("stripe?from=2026-11-25&to=2026-11-26")).toStartWith("200 text/csv; charset=utf-8 balance_transact")
  expect(await get("paypal?format=json")).toStartWith('200 application/json {"transaction_details":[]')
  for (const wrong of ["visa", "adyen?format=xml", "adyen?from=yesterday"]) expect(await get(wrong)).toStartWith("400 ")
})
