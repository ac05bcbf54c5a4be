/** Statements over HTTP: what a wallet had, everything that moved its balance, what it has. */
import { afterAll, expect, test } from "bun:test"
import { codeOf, holdOf, paymentOf, problemOf, unique } from "./client.ts"
import { violations } from "./conservation.ts"
import { eventually } from "./eventually.ts"
import { startPlatform } from "./platform.ts"

const platform = await startPlatform()
const { api } = platform
afterAll(platform.stop)

interface Entry {
  readonly kind: string
  readonly amount: number
  readonly balance: number
  readonly time: string
  readonly version: number
  readonly reference: string
  readonly description: string
}
interface Statement {
  readonly from: string
  readonly to: string
  readonly opening: number
  readonly closing: number
  readonly currency: string
  readonly entries: ReadonlyArray<Entry>
}

const at = (wallet: string, query = "") => `/api/v1/wallets/${wallet}/statement${query}`
const statement = async (wallet: string, query = ""): Promise<Statement> => {
  const answer = await api.get(at(wallet, query))
  expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "application/json"])
  const told = JSON.parse(answer.text) as Statement
  const sum = told.entries.reduce((total, { amount }) => total + amount, 0)
  expect(told.opening + sum).toBe(told.closing)
  return told
}
const told = ({ entries }: Statement) => entries.map(({ kind, amount, balance }) => [kind, amount, balance])
const busy = async () => {
  const wallet = await api.open(10_000)
  const paid = paymentOf(await api.pay(wallet.id, 3_000))
  const declined = await api.pay(wallet.id, 90_000)
  expect(declined.status).toBe(400)
  const hold = holdOf(await api.hold(wallet.id, 2_000, { merchant: "grand-hotel" }), 201)
  holdOf(await api.capture(hold.id, { amount: 500, final: true }))
  holdOf(await api.voidHold(holdOf(await api.hold(wallet.id, 700), 201).id))
  expect((await api.refund(paid.id, { amount: 1_000 })).status).toBe(201)
  return { wallet, paid }
}
const { wallet, paid } = await busy()

test("statement: opening, every movement, closing; holds move nothing, captures do; as the wallet says", async () => {
  const all = await statement(wallet.id)
  expect([all.opening, all.closing, all.currency]).toEqual([0, 7_500, "USD"])
  expect(told(all)).toEqual([
    ["credit", 10_000, 10_000],
    ["payment", -3_000, 7_000],
    ["capture", -500, 6_500],
    ["refund", 1_000, 7_500]
  ])
  expect(all.entries.map(({ description }) => description)).toEqual(["top-up", "", "grand-hotel", ""])
  expect(all.entries[1]?.reference).toBe(paid.id)
  expect((await api.wallet(wallet.id)).balance).toBe(all.closing)
})

test("statement: from is inclusive, to exclusive, and one begins where the one before it ends", async () => {
  const all = await statement(wallet.id)
  for (const { time } of all.entries) {
    const cut = encodeURIComponent(time.replace("Z", "+00:00"))
    const before = await statement(wallet.id, `?to=${cut}`)
    const after = await statement(wallet.id, `?from=${cut}`)
    expect(before.closing).toBe(after.opening)
    expect(before.entries.every((entry) => entry.time < time)).toBe(true)
    expect(after.entries[0]?.time).toBe(time)
    expect([...before.entries, ...after.entries]).toEqual([...all.entries])
  }
  const past = await statement(wallet.id, "?from=2020-01-01T00:00:00Z&to=2020-02-01T00:00:00Z")
  expect([past.opening, past.closing, past.entries]).toEqual([0, 0, []])
  const since = Date.parse(all.to) - Date.parse(all.from)
  expect(since).toBe(30 * 86_400_000)
})

test("statement: what it cannot mean is refused by name", async () => {
  for (const [query, field] of [
    ["?from=yesterday", "from"],
    ["?to=2026-11-25", "to"],
    ["?format=pdf", "format"],
    ["?from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z", "from"]
  ] as const)
    expect(problemOf(await api.get(at(wallet.id, query)), 400).error.details["field"]).toBe(field)
  expect(codeOf(await api.get(at(paid.id)))).toBe("404 WALLET_NOT_FOUND")
  expect(codeOf(await platform.apiAs("wrong").get(at(wallet.id)))).toBe("401 UNAUTHENTICATED")
})

/** RFC 4180, as a spreadsheet reads it. */
const rows = (text: string): ReadonlyArray<ReadonlyArray<string>> => {
  const found: Array<Array<string>> = [[]]
  for (const [, quoted, bare, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g)) {
    found.at(-1)?.push(quoted === undefined ? (bare ?? "") : quoted.replaceAll('""', '"'))
    if (end === "\r\n") found.push([])
  }
  return found.slice(0, -1)
}

test("statement as CSV: by format or by Accept, RFC 4180, no cell is a formula", async () => {
  const evil = await api.open()
  const words = [
    '=HYPERLINK("http://x","y")',
    "+1",
    "-2+3",
    "@SUM(A1)",
    "a,b",
    'say "hi"',
    "two\r\nlines",
    "\tx",
    "plain"
  ]
  for (const [n, reference] of words.entries()) {
    const credit = { amount: n + 1, currency: "USD", reference }
    const answer = await api.post(`/api/v1/wallets/${evil.id}/credits`, credit, { key: unique("evil") })
    expect(answer.status).toBe(201)
  }
  const csv = await api.get(at(evil.id, "?format=csv"))
  const accepted = await api.get(at(evil.id), { headers: { accept: "text/csv" } })
  for (const answer of [csv, accepted]) {
    expect(answer.headers.get("content-type")).toBe("text/csv; charset=utf-8")
    expect(answer.headers.get("content-disposition")).toContain(`statement-${evil.id}`)
    const [head, opening, ...rest] = rows(answer.text)
    const width = head?.length
    expect([opening, ...rest].map((row) => row?.length)).toEqual(Array(words.length + 2).fill(width))
    expect(head?.slice(0, 5)).toEqual(["time", "kind", "amount", "currency", "balance"])
    expect([opening?.[1], opening?.[4]]).toEqual(["opening", "0"])
    expect([rest.at(-1)?.[1], rest.at(-1)?.[4]]).toEqual(["closing", "45"])
    const entries = rest.slice(0, -1)
    expect(entries.map((row) => Number(row[2]))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
    const said = entries.map((row) => row[6] ?? "")
    for (const text of said) expect(text).not.toMatch(/^[=+\-@\t\r]/)
    expect(said.map((text) => text.replace(/^'/, ""))).toEqual(words)
  }
})

test("statement longer than a page: sent in pieces, whole, in order", async () => {
  const long = await api.open()
  const amounts = Array.from({ length: 450 }, (_, n) => n + 1)
  const answers = await Promise.all(amounts.map((amount) => api.credit(long.id, amount)))
  expect(answers.every(({ status }) => status === 201)).toBe(true)
  const all = await eventually(
    "all credits are told",
    () => statement(long.id),
    ({ entries }) => entries.length === amounts.length
  )
  expect(all.closing).toBe((450 * 451) / 2)
  expect(all.entries.map(({ version }) => version)).toEqual(amounts.map((n) => n + 1))
  const csv = await api.get(at(long.id, "?format=csv"))
  expect(rows(csv.text).length).toBe(450 + 3)
})

test("P50 decimals are never guessed: a statement is in minor units of 0, 2 and 3 decimals", async () => {
  for (const currency of ["JPY", "USD", "KWD"]) {
    const one = await api.open(1_005, currency)
    const all = await statement(one.id)
    expect([all.currency, all.closing, all.entries[0]?.amount]).toEqual([currency, 1_005, 1_005])
  }
})

test("conservation of money", async () => {
  expect(await violations(platform)).toEqual([])
})
