import { describe, expect, test } from "bun:test"
import { Effect } from "effect"
import { allow, CLOSED, type Breaker as Machine, type Result, record } from "./breaker.ts"
import { Breaker } from "./breakers.ts"
import { breakerRules } from "./settings.ts"

const rules = breakerRules(undefined)("stripe")
const second = 1000

/** Calls one after the other: `at` in seconds, then what each call's end says, or whether it may pass. */
type Step = readonly [at: number, "ok" | "failure" | "fatal" | "neutral" | "passes" | "is refused"]

const run = (
  steps: ReadonlyArray<Step>
): { readonly machine: Machine; readonly transitions: ReadonlyArray<string> } => {
  let machine = CLOSED
  const transitions: Array<string> = []
  for (const [at, what] of steps) {
    const now = at * second
    if (what === "passes" || what === "is refused") {
      const permit = allow(machine, now, rules)
      expect(permit.allowed, `at ${at} s`).toBe(what === "passes")
      if (!permit.allowed) continue
      if (permit.half_opened) transitions.push(`${at} half_open`)
      machine = permit.breaker
    } else {
      const { breaker, transition } = record(machine, "stripe", what, now, rules)
      if (transition !== undefined) transitions.push(`${at} ${transition.to}`)
      machine = breaker
    }
  }
  return { machine, transitions }
}

const times = (count: number, at: number, what: Result): ReadonlyArray<Step> =>
  Array.from({ length: count }, () => [at, what])

describe("the breaker, step by step", () => {
  const cases: ReadonlyArray<readonly [string, ReadonlyArray<Step>, ReadonlyArray<string>]> = [
    ["four failures in a row leave it closed", [...times(4, 1, "failure"), [1, "passes"]], []],
    ["the fifth opens it", [...times(5, 1, "failure"), [2, "is refused"]], ["1 open"]],
    [
      "a success starts the row anew",
      [...times(4, 1, "failure"), [1, "ok"], ...times(4, 1, "failure"), [1, "passes"]],
      []
    ],
    ["429 and 409 are neither", [...times(4, 1, "failure"), [1, "neutral"], [1, "failure"]], ["1 open"]],
    [
      "refused credentials open it at once",
      [
        [1, "fatal"],
        [2, "is refused"]
      ],
      ["1 open"]
    ],
    [
      "half of ten calls within a minute open it",
      [...times(3, 1, "failure"), ...times(5, 1, "ok"), ...times(2, 1, "failure")],
      ["1 open"]
    ],
    ["but not of nine", [...times(3, 1, "failure"), ...times(4, 1, "ok"), ...times(2, 1, "failure")], []],
    [
      "nor when the first are a minute old",
      [...times(3, 1, "failure"), ...times(5, 1, "ok"), ...times(2, 66, "failure")],
      []
    ],
    [
      "after the reset one probe passes and its success closes it",
      [...times(5, 0, "failure"), [59, "is refused"], [60, "passes"], [61, "is refused"], [61, "ok"], [61, "passes"]],
      ["0 open", "60 half_open", "61 closed"]
    ],
    [
      "the probe's failure opens it again",
      [...times(5, 0, "failure"), [60, "passes"], [61, "failure"], [120, "is refused"], [121, "passes"]],
      ["0 open", "60 half_open", "61 open", "121 half_open"]
    ],
    [
      "a probe that never answers is given up after 30 s",
      [...times(5, 0, "failure"), [60, "passes"], [89, "is refused"], [90, "passes"]],
      ["0 open", "60 half_open"]
    ],
    [
      "a throttled probe lets the next one pass",
      [...times(5, 0, "failure"), [60, "passes"], [61, "neutral"], [61, "passes"], [62, "ok"]],
      ["0 open", "60 half_open", "62 closed"]
    ],
    [
      "calls that began before it opened change nothing",
      [...times(9, 0, "failure"), [1, "ok"], [1, "is refused"]],
      ["0 open"]
    ]
  ]
  for (const [name, steps, transitions] of cases)
    test(name, () => expect(run(steps).transitions).toEqual([...transitions]))

  test("its memory is bounded", () => {
    const steps = Array.from({ length: 10_000 }, (_, i): Step => [i / 7, i % 4 === 0 ? "failure" : "ok"])
    const { machine } = run(steps)
    expect(machine.state === "closed" && machine.slots.length).toBeLessThanOrEqual(13)
  })

  test("PayPal is given up after three and tried again after half a minute; a setting overrides all resets", () => {
    expect(breakerRules(undefined)("paypal")).toMatchObject({ consecutive: 3, rate: 0.6, reset_ms: 30_000 })
    expect(breakerRules(500)("paypal").reset_ms).toBe(500)
    expect(breakerRules(500)("stripe").reset_ms).toBe(500)
  })
})

test("the service: one machine a provider, opened and closed by hand as well", () =>
  Effect.runPromise(
    Effect.gen(function* () {
      const breaker = yield* Breaker
      for (let n = 1; n <= 3; n++) expect((yield* breaker.record("paypal", "failure", 0)).failures).toBe(n)
      expect(yield* breaker.allow("paypal", 1)).toEqual({ allowed: false, retry_at: 30_000 })
      expect(yield* breaker.allow("stripe", 1)).toEqual({ allowed: true })
      expect(yield* breaker.force("paypal", "closed", 0)).toEqual({ to: "closed", provider: "paypal" })
      expect(yield* breaker.allow("paypal", 1)).toEqual({ allowed: true })
      yield* breaker.force("stripe", "open", 9000)
      expect(yield* breaker.allow("stripe", 1)).toEqual({ allowed: false, retry_at: 9000 })
      expect(yield* breaker.allow("stripe", 9000)).toMatchObject({ allowed: true, transition: { to: "half_open" } })
    }).pipe(Effect.provide(Breaker.memory(breakerRules(undefined))))
  ))
