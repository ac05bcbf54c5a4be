import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import {
  adyenToIso,
  isoToAdyen,
  isoToPaypal,
  paypalToIso,
  stripeCurrencyRefusal,
  stripeToIso
} from "../../../infra/simulator/currency.ts"
import { type Currency, currencies, MAX_MINOR, minor } from "../../../shared/contract/money.ts"
import { fromAdyen, fromPaypal, fromStripe, toAdyen, toPaypal, toStripe } from "./currency.ts"

/** Minor units by ISO 4217 → Stripe's integer → PayPal's text → Adyen's integer; `-`: that provider is not asked. */
const table: ReadonlyArray<readonly [string, bigint, bigint | "-", string | "-", bigint | "-"]> = [
  ["USD", 1000n, 1000n, "10.00", 1000n],
  ["USD", 1n, 1n, "0.01", 1n],
  ["USD", 5n, 5n, "0.05", 5n],
  ["EUR", 2000n, 2000n, "20.00", 2000n],
  ["JPY", 500n, 500n, "500", 500n],
  ["KRW", 1000n, 1000n, "-", 1000n],
  ["CLP", 1000n, 1000n, "-", 100000n],
  ["ISK", 5n, 500n, "-", 500n],
  ["UGX", 500n, "-", "-", 500n],
  ["HUF", 12300n, 12300n, "123", 12300n],
  ["HUF", 12345n, 12345n, "-", 12345n],
  ["TWD", 500n, 500n, "5", 500n],
  ["TWD", 550n, 550n, "-", 550n],
  ["IDR", 150n, 150n, "-", "-"],
  ["IDR", 1500n, 1500n, "-", 15n],
  ["CVE", 150n, 150n, "-", "-"],
  ["MGA", 1000n, 10n, "-", "-"],
  ["MGA", 1001n, "-", "-", "-"],
  ["KWD", 5120n, 5120n, "-", 5120n],
  ["KWD", 5124n, "-", "-", 5124n],
  ["TND", 10n, 10n, "-", 10n],
  ["IQD", 1000n, "-", "-", 1000n],
  ["LYD", 1000n, "-", "-", 1000n],
  ["USD", 0n, "-", "-", "-"]
]

describe("P65 the amount on the wire is exact, by currency", () => {
  for (const [code, amount, units, text, count] of table)
    test(`${amount} ${code}: Stripe ${units}, PayPal ${text}, Adyen ${count}`, () => {
      const currency = code as Currency
      expect<bigint | string>(toStripe(minor(amount), currency) ?? "-").toBe(units)
      expect(toPaypal(minor(amount), currency) ?? "-").toBe(text)
      expect<bigint | string>(toAdyen(minor(amount), currency) ?? "-").toBe(count)
    })
})

const any = fc.tuple(fc.constantFrom(...currencies()), fc.bigInt({ min: 1n, max: MAX_MINOR }))

test("what is sent comes back as it was, for every currency and amount that is accepted", () => {
  fc.assert(
    fc.property(any, ([currency, amount]) => {
      const units = toStripe(minor(amount), currency)
      if (units !== undefined) expect(fromStripe(units, currency)).toBe(minor(amount))
      const text = toPaypal(minor(amount), currency)
      if (text !== undefined) expect(fromPaypal(text, currency)).toBe(minor(amount))
      const count = toAdyen(minor(amount), currency)
      if (count !== undefined) expect(fromAdyen(count, currency)).toBe(minor(amount))
    }),
    { numRuns: 20_000 }
  )
})

test("the simulator, which has a table of its own, reads the same amounts", () => {
  fc.assert(
    fc.property(any, ([currency, amount]) => {
      const units = toStripe(minor(amount), currency)
      if (units !== undefined) {
        expect(stripeCurrencyRefusal(currency, Number(units))).toBeUndefined()
        expect(BigInt(stripeToIso(currency, Number(units)))).toBe(amount)
      }
      const count = toAdyen(minor(amount), currency)
      if (count !== undefined) {
        const counted = adyenToIso(currency, Number(count))
        expect(BigInt(typeof counted === "number" ? counted : -1)).toBe(amount)
        expect(BigInt(isoToAdyen(currency, typeof counted === "number" ? counted : -1))).toBe(count)
      }
      const text = toPaypal(minor(amount), currency)
      if (text === undefined) return
      const iso = paypalToIso(currency, text)
      expect(BigInt(typeof iso === "number" ? iso : -1)).toBe(amount)
      expect(typeof iso === "number" && isoToPaypal(currency, iso)).toBe(text)
    }),
    { numRuns: 5_000 }
  )
})

test("what is no amount is none", () => {
  const usd = "USD" as Currency
  for (const text of ["", "1e3", "-1.00", "1.2.3", " 1.00", "NaN", "99999999999999999.00"])
    expect(fromPaypal(text, usd)).toBeUndefined()
  expect(fromPaypal("1.5", usd)).toBe(minor(150n))
  expect([fromAdyen(50n, "ISK" as Currency), fromAdyen(1n, "MGA" as Currency)]).toEqual([undefined, undefined])
  expect(fromPaypal("123.00", "HUF" as Currency)).toBe(minor(12300n))
})
