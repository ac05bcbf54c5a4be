/** One amount, three views: what a provider's table says, and that no view can express what another does not mean. */
import { expect, test } from "bun:test"
import { adyenToIso, isoToAdyen, isoToPaypal, paypalToIso, stripeCurrencyRefusal, stripeToIso } from "./currency.ts"

test.each([
  ["usd", 2000, 2000],
  ["jpy", 500, 500],
  ["clp", 500, 500],
  ["isk", 50_000, 500],
  ["huf", 50_000, 50_000],
  ["mga", 5, 500],
  ["kwd", 5120, 5120]
])("Stripe's %s %i is %i minor units", (currency, amount, iso) => {
  expect(stripeCurrencyRefusal(currency, amount)).toBeUndefined()
  expect(stripeToIso(currency, amount)).toBe(iso)
})

test.each([
  ["isk", 50_050],
  ["kwd", 5124],
  ["ugx", 500],
  ["iqd", 1000],
  ["zzz", 1]
])("Stripe refuses %s %i", (currency, amount) => {
  expect(stripeCurrencyRefusal(currency, amount)).toBeDefined()
})

test.each([
  ["USD", 2000, 2000],
  ["JPY", 500, 500],
  ["CLP", 50_000, 500],
  ["ISK", 50_000, 500],
  ["IDR", 15, 1500],
  ["CVE", 15, 1500],
  ["HUF", 50_000, 50_000],
  ["UGX", 500, 500],
  ["KWD", 5124, 5124]
])("Adyen's %s %i is %i minor units, and back", (currency, value, iso) => {
  expect(adyenToIso(currency, value)).toBe(iso)
  expect(isoToAdyen(currency, iso)).toBe(value)
})

test.each([
  ["ISK", 50_050],
  ["CLP", 1],
  ["MGA", 500],
  ["USD", 0],
  ["USD", 1.5],
  ["zzz", 1]
])("Adyen refuses %s %d", (currency, value) => {
  expect(typeof adyenToIso(currency, value)).toBe("object")
})

test("PayPal's decimals and minor units are each other's inverse", () => {
  for (const [currency, unit] of [
    ["USD", 1],
    ["EUR", 1],
    ["JPY", 1],
    ["HUF", 100],
    ["TWD", 100]
  ] as const) {
    for (const amount of [1, 9, 10, 99, 100, 101, 123_456_789, 90_071_992_547_409]) {
      expect(paypalToIso(currency, isoToPaypal(currency, amount * unit))).toBe(amount * unit)
    }
  }
})
