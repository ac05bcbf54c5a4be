import { describe, expect, test } from "bun:test"
import { ConfigProvider, Effect, Exit } from "effect"
import { type Currency, minor } from "../../shared/contract/money.ts"
import { gatewaySettings } from "./settings.ts"

const read = (simulatorUrl: string | undefined, environment: Record<string, string>) =>
  Effect.runSyncExit(
    gatewaySettings(simulatorUrl).pipe(Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnvRecord(environment))))
  )
const simulated = (environment: Record<string, string> = {}) => {
  const exit = read("http://127.0.0.1:8090", environment)
  if (Exit.isFailure(exit)) throw new Error("no settings")
  return exit.value
}

test("with the simulator everything has a default", () => {
  const { rules, providers } = simulated()
  expect(rules).toMatchObject({ tries: 3, timeout_ms: 30_000, backoff_ms: 1000, recovery_ms: 60_000 })
  expect(rules.providers.map(({ provider }) => provider)).toEqual(["stripe", "paypal", "adyen"])
  expect(providers.adyen?.url).toBe("http://127.0.0.1:8090")
  expect([providers.stripe.url, providers.paypal.url]).toEqual(["http://127.0.0.1:8090", "http://127.0.0.1:8090"])
  expect(JSON.stringify(providers)).not.toContain('"simulated","payment_method"')
  expect(String(providers.stripe.secret)).toBe("<redacted:STRIPE_SECRET_KEY>")
})

test("who can take a payment is known before anybody is asked", () => {
  const takers = (code: string, amount: bigint) =>
    simulated()
      .rules.providers.filter(({ accepts }) => accepts(minor(amount), code as Currency))
      .map(({ provider }) => provider)
  expect(takers("USD", 100n)).toEqual(["stripe", "paypal", "adyen"])
  expect(takers("KWD", 100n)).toEqual(["stripe", "adyen"])
  expect(takers("HUF", 101n)).toEqual(["stripe", "adyen"])
  expect(takers("UGX", 100n)).toEqual(["adyen"])
  expect(takers("IDR", 150n)).toEqual(["stripe"])
  expect(takers("MGA", 100n)).toEqual(["stripe"])
  expect(takers("BIF", 1n)).toEqual(["stripe"])
})

const live = {
  STRIPE_URL: "https://stripe.example",
  STRIPE_SECRET_KEY: "sk",
  STRIPE_PAYMENT_METHOD: "pm_1",
  PAYPAL_URL: "https://paypal.example",
  PAYPAL_CLIENT_ID: "id",
  PAYPAL_CLIENT_SECRET: "secret",
  PAYPAL_VAULT_ID: "v",
  ADYEN_URL: "https://prefix-checkout-live.adyenpayments.com/checkout",
  ADYEN_API_KEY: "key",
  ADYEN_MERCHANT_ACCOUNT: "TestMerchant",
  ADYEN_SHOPPER_REFERENCE: "shopper",
  ADYEN_STORED_PAYMENT_METHOD_ID: "stored"
}

describe("live, nothing that says where money goes is guessed", () => {
  test("all of it", () => expect(Exit.isSuccess(read(undefined, live))).toBe(true))
  for (const name of Object.keys(live))
    test(`without ${name}`, () => {
      const { [name as keyof typeof live]: _, ...rest } = live
      expect(Exit.isFailure(read(undefined, rest))).toBe(true)
    })
  test("Adyen's are not needed by whoever does not ask it", () => {
    const { ADYEN_API_KEY: _, ...rest } = live
    const exit = read(undefined, { ...rest, GATEWAY_PROVIDERS: "stripe,paypal" })
    expect(Exit.isSuccess(exit) && exit.value.providers.adyen).toBeUndefined()
    const all = read(undefined, { ...live, GATEWAY_PROVIDERS: "stripe,paypal" })
    expect(Exit.isSuccess(all) && all.value.providers.adyen?.merchant_account).toBe("TestMerchant")
  })
})

for (const [name, value] of [
  ["GATEWAY_ATTEMPTS", "0"],
  ["GATEWAY_TIMEOUT_MS", "-1"],
  ["GATEWAY_BACKOFF_MS", "1.5"],
  ["UNKNOWN_REVIEW_MS", "soon"],
  ["BREAKER_RESET_MS", "-1"],
  ["BREAKER_FAILURES", "0"],
  ["GATEWAY_IN_FLIGHT", "0"],
  ["BREAKER_CALLS_MIN", "few"],
  ["GATEWAY_PROVIDERS", "stripe,nobody"]
] as const)
  test(`${name}=${value} stops the start`, () =>
    expect(Exit.isFailure(read("http://127.0.0.1:1", { [name]: value }))).toBe(true))

test("what opens a breaker can be set, for all of them", () => {
  const { breaker } = simulated({ BREAKER_FAILURES: "7", BREAKER_CALLS_MIN: "40" })
  for (const provider of ["stripe", "paypal", "adyen"] as const)
    expect(breaker(provider)).toMatchObject({ consecutive: 7, calls_min: 40 })
  expect(simulated({}).breaker("paypal")).toMatchObject({ consecutive: 3, calls_min: 10 })
})

test("one reset for all breakers", () => {
  const { breaker } = simulated({ BREAKER_RESET_MS: "2000" })
  expect([breaker("stripe").reset_ms, breaker("paypal").reset_ms]).toEqual([2000, 2000])
})
