/** Reports as they come: quotes, line ends, a byte order mark, decimals, mistakes. */
import { expect, test } from "bun:test"
import { csvRows } from "./csv.ts"
import { type ProviderName, readReport } from "./report.ts"

const P = "01935d6e-7c3a-7b1e-9a44-3f7c1f0f2a01"

const cells: ReadonlyArray<readonly [string, string, ReadonlyArray<ReadonlyArray<string>>]> = [
  [
    "plain",
    "a,b\nc,d\n",
    [
      ["a", "b"],
      ["c", "d"]
    ]
  ],
  [
    "CRLF, no end of the last line",
    "a,b\r\nc,d",
    [
      ["a", "b"],
      ["c", "d"]
    ]
  ],
  ["a byte order mark", "\ufeffa,b", [["a", "b"]]],
  ["quotes, commas and lines within", '"a,1","say ""so""","two\r\nlines"\n', [["a,1", 'say "so"', "two\r\nlines"]]],
  [
    "empty cells and lines",
    "a,,\n\n,b,\n",
    [
      ["a", "", ""],
      ["", "b", ""]
    ]
  ]
]
test.each(cells)("CSV: %s", (_, text, rows) => {
  const found = csvRows(text)
  expect("unclosed" in found ? found : found.map(({ cells }) => cells)).toEqual(rows as never)
})

test("CSV: a quote that is not closed is told by its line; lines within quotes are counted", () => {
  expect(csvRows('a\nb,"c\n')).toEqual({ unclosed: 2 })
  const rows = csvRows('"a\nb"\nc\n')
  expect("unclosed" in rows ? [] : rows.map(({ line }) => line)).toEqual([1, 3])
})

const stripe = (currency: string, gross: string, category = "charge") =>
  "reporting_category,source_id,created_utc,gross,currency,payment_metadata[payment_id]\r\n" +
  `${category},ch_1,2026-11-25 09:30:00,${gross},${currency},${P}\r\n`

const amounts: ReadonlyArray<readonly [string, string, bigint | string]> = [
  ["usd", "10.05", 1005n],
  ["usd", "-10.05", 1005n],
  ["usd", "10", 1000n],
  ["jpy", "500", 500n],
  ["jpy", "500.00", 500n],
  ["kwd", "1.234", 1234n],
  ["kwd", "1.2340", 1234n],
  ["usd", "1.005", "line 2: gross has more decimals than USD"],
  ["jpy", "5.5", "line 2: gross has more decimals than JPY"],
  ["usd", "1e3", "line 2: gross is no amount"],
  ["usd", "90071992547409.92", "line 2: gross is too large"],
  ["xyz", "1", "line 2: XYZ is no supported currency"]
]
test.each(amounts)("%s %s is %p", (currency, gross, is) => {
  const read = readReport("stripe", "csv", stripe(currency, gross))
  expect("wrong" in read ? read.wrong : read.rows[0]?.amount).toBe(is)
})

test("Stripe's integers: whole hundreds of ISK, whole MGA", () => {
  const of = (currency: string, amount: number) => {
    const source = { id: "ch_1", metadata: { payment_id: P } }
    const row = { reporting_category: "charge", currency, amount, created: 1_764_063_000, source }
    const read = readReport("stripe", "json", JSON.stringify({ data: [row] }))
    return "wrong" in read ? read.wrong : read.rows[0]?.amount
  }
  expect([of("isk", 50_000), of("mga", 7), of("kwd", 1230), of("usd", 1)]).toEqual([500n, 700n, 1230n, 1n])
  expect(of("isk", 50_050)).toBe("line 1: amount has parts of a unit")
})

test("what is no movement of a payment is left out and counted", () => {
  const read = readReport("stripe", "csv", `${stripe("usd", "1.00")}payout,po_1,2026-11-25 10:00:00,-1.00,usd,\r\n`)
  expect("wrong" in read ? read : [read.rows.length, read.ignored]).toEqual([1, 1])
})

const wrong: ReadonlyArray<readonly [ProviderName, "csv" | "json", string, string]> = [
  ["stripe", "csv", "", "line 1: the line of column names is missing"],
  ["paypal", "csv", "a,b\n", "line 1: the line of column names is missing"],
  ["stripe", "csv", "reporting_category,source_id\ncharge,ch_1\n", "line 2: currency is missing"],
  ["stripe", "json", "{", "line 1: not JSON"],
  ["paypal", "json", '{"data":[]}', "line 1: transaction_details is not a list"],
  ["adyen", "json", "null", "line 1: data is not a list"]
]
test.each(wrong)("%s %s %p: refused as a whole", (provider, format, text, says) => {
  expect(readReport(provider, format, text)).toEqual({ wrong: says })
})
