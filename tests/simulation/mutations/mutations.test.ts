import { expect, test } from "bun:test"
import { hunt } from "../trial.ts"
import { MUTATIONS } from "./index.ts"

/** Those that are found soonest, some of each kind; the whole catalogue is `npm run simulate -- --mutations`. */
const QUICK = [
  "saga: a restart compensates instead of asking",
  "saga: a step's timeout compensates instead of asking",
  "saga: an unknown outcome is taken for a success",
  "saga: compensation undoes nothing",
  "saga: the payment is marked before its money is back",
  "saga: its timers are lost",
  "saga: it remembers another provider",
  "wallet: deducts one unit less than asked",
  "wallet: gives one unit too much back",
  "wallet: the remainder of a final capture stays held",
  "wallet: a hold's expiry is forgotten",
  "payment: what is refunded is not set aside",
  "refund: credited before its provider did it",
  "gateway: falls back on a timeout",
  "gateway: skips the fence",
  "gateway: new key on retry"
]
const WORLDS_MAX = 60

for (const name of QUICK) {
  test(`a deliberate bug is found: ${name}`, () => {
    expect(Object.hasOwn(MUTATIONS, name)).toBe(true)
    const { seeds, by } = hunt(name, 1, WORLDS_MAX, 30)
    expect([name, seeds !== undefined, by?.invariant]).toEqual([name, true, expect.stringMatching(/^I\d+$/)])
  }, 60_000)
}

test("the catalogue has at least 50 bugs", () => {
  expect(Object.keys(MUTATIONS).length).toBeGreaterThanOrEqual(50)
})
