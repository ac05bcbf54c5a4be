/** The lab through its command, against a platform that runs: every case, the list, refusals, Ctrl-C. */
import { afterAll, expect, test } from "bun:test"
import { join } from "node:path"
import { WIDTH } from "../../infra/demo/narrator.ts"
import { CASES } from "../../infra/lab/catalogue.ts"
import { paymentOf } from "./client.ts"
import { eventually } from "./eventually.ts"
import { startPlatform } from "./platform.ts"

const root = join(import.meta.dir, "../..")
const platform = await startPlatform({ env: { SIMULATOR_WEBHOOKS: "on" } })
afterAll(platform.stop)

const ALL_MS = 240_000
const NOWHERE = "http://127.0.0.1:1"

const simulatorUrl = /simulated at (http:\S+)/.exec(platform.printed())?.[1] ?? ""

const lab = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}) => {
  const child = Bun.spawn(["node", "infra/run.mjs", "lab", ...args], {
    cwd: root,
    env: { ...process.env, API_URL: platform.url(), API_KEY: platform.apiKey, SIMULATOR_URL: simulatorUrl, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe"
  })
  let told = ""
  const listen = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder()
    for await (const chunk of stream) told += decoder.decode(chunk, { stream: true })
  }
  const listened = Promise.all([listen(child.stdout), listen(child.stderr)])
  const ended = async () => {
    const code = await child.exited
    await listened
    return { code, told }
  }
  return { child, told: () => told, ended }
}

test(
  "every case is played, every fact is so, and nothing stays armed",
  async () => {
    const { code, told } = await lab(["all"]).ended()
    expect(told.split("\n").filter((line) => line.startsWith("  ✗"))).toEqual([])
    expect([code, told.includes("all of them so")]).toEqual([0, true])
    expect(CASES.length).toBeGreaterThanOrEqual(15)
    for (const { id } of CASES) expect(told).toContain(`\n${id}\n`)
    expect(told).toContain("← the money is taken")
    expect(told).toContain("because ")
    expect(told.split("\n").filter((line) => [...line].length > WIDTH)).toEqual([])
    const paid = paymentOf(await platform.api.pay((await platform.api.open(5)).id, 5))
    expect(paid.provider).toBe("stripe")
  },
  ALL_MS
)

test("without a case: the list of all, and nothing is needed for it", async () => {
  const { code, told } = await lab([], { API_URL: NOWHERE, SIMULATOR_URL: NOWHERE }).ended()
  expect(code).toBe(0)
  for (const { id } of CASES) expect(told).toContain(`  ${id}`)
})

const refusals: ReadonlyArray<readonly [string, ReadonlyArray<string>, Readonly<Record<string, string>>, string]> = [
  ["an unknown case", ["P9999"], {}, "There is no case P9999. See npm run lab\n"],
  ["nothing runs", ["P01"], { API_URL: NOWHERE }, `Cannot play: no platform is ready at ${NOWHERE}: run npm start`],
  ["no simulator", ["P01"], { SIMULATOR_URL: NOWHERE }, `Cannot play: no simulator at ${NOWHERE}`],
  ["live providers", ["P01"], { PROVIDERS: "live" }, "PROVIDERS=live"],
  ["a wrong key", ["P01", "--key", "sk_wrong"], {}, "Cannot play: the platform refuses the key (401)"]
]
test.each(refusals)("%s: one line, code 2", async (_, args, env, says) => {
  const { code, told } = await lab(args, env).ended()
  expect(code).toBe(2)
  expect(told).toStartWith(says)
  expect(told.trim().split("\n")).toHaveLength(1)
})

test("Ctrl-C in the middle of a case: what it had armed is taken back", async () => {
  const { child, told, ended } = lab(["p20"])
  await eventually(
    "the provider answers 503",
    async () => told(),
    (text) => text.includes("POST /api/v1/payments")
  )
  child.kill("SIGINT")
  expect((await ended()).code).toBe(130)
  await platform.api.post("/api/v1/ops/circuit-breakers/stripe/close", { reason: "the case may have opened it" })
  expect(paymentOf(await platform.api.pay((await platform.api.open(7)).id, 7)).provider).toBe("stripe")
})
