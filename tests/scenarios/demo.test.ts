/** MISSION 10: the demo through its command, and docs/scenarios.md held against what happened. */
import { afterAll, expect, test } from "bun:test"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { WIDTH } from "../../infra/demo/narrator.ts"
import { drawings, page, passedTheCheck } from "../../infra/demo/page.ts"
import type { Beat, Story } from "../../infra/demo/story.ts"
import { eventually } from "./eventually.ts"

const root = join(import.meta.dir, "../..")
/** Its platform's data goes here, so that what is left over can be seen. */
const folder = mkdtempSync(join(tmpdir(), "wallet-demo-test-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const DEMO_MS = 150_000

const demo = (...args: ReadonlyArray<string>) => {
  const child = Bun.spawn(["node", "infra/run.mjs", "demo", ...args], {
    cwd: root,
    env: { ...process.env, TMPDIR: folder, DATABASE_URL: "postgres://nobody@127.0.0.1:1/never-used" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe"
  })
  let told = ""
  const listened = (async () => {
    const decoder = new TextDecoder()
    for await (const chunk of child.stderr) told += decoder.decode(chunk, { stream: true })
  })()
  return { child, told: () => told, listened }
}

const left = () => readdirSync(folder)

const played = await (async () => {
  const { child, told, listened } = demo("--json")
  const output = await new Response(child.stdout).text()
  await listened
  return { code: await child.exited, output, told: told() }
})()
const stories = (): ReadonlyArray<Story> => JSON.parse(played.output).stories

test("10 the demo plays all five, every fact is so, and it leaves nothing behind", () => {
  expect([played.code, played.told.includes("all of them so")]).toEqual([0, true])
  expect(stories().map(({ number }) => number)).toEqual([1, 2, 3, 4, 5])
  const facts = stories().flatMap(({ beats }) => beats.filter((beat): beat is Fact => beat.kind === "fact"))
  expect(facts.filter(({ holds }) => !holds)).toEqual([])
  for (const { beats } of stories()) expect(beats.some(({ kind }) => kind === "fact")).toBe(true)
  expect(left()).toEqual([])
})
type Fact = Extract<Beat, { readonly kind: "fact" }>

test("10 told without a terminal: no colour, no moving parts, within 100 columns, no empty lines in a row", () => {
  expect(played.told).toContain("Scenario 5 · Killed in mid-flight, started again")
  expect(Bun.stripANSI(played.told)).toBe(played.told)
  expect(played.told.split("\n").filter((line) => [...line].length > WIDTH)).toEqual([])
  expect(played.told).not.toContain("\n\n\n")
})

test("10 docs/scenarios.md shows what happened (else: npm run docs -- scenarios)", () => {
  const shown = readFileSync(join(root, "docs/scenarios.md"), "utf8")
  const drawn = drawings(stories())
  const { together, late, ...certain } = drawn
  // Whether the loser got past the check is chance; the page has both ways, from there on.
  const fromCheck = (lines: ReadonlyArray<string>) =>
    lines.slice(lines.indexOf("saga->>wallet: CheckWalletBalance") + 1)
  for (const lines of [...Object.values(certain), fromCheck(late), fromCheck(together)])
    expect(shown).toContain(lines.map((line) => `  ${line}\n`).join(""))
  if (passedTheCheck(drawn)) expect(page(drawn)).toBe(shown)
})

test(
  "Ctrl-C in the middle: it ends at once, and nothing is left running or lying about",
  async () => {
    const { child, told } = demo("3", "--json")
    await eventually(
      "Stripe is silent",
      async () => told(),
      (text) => text.includes("Stripe is silent"),
      60_000
    )
    const [data = ""] = left()
    const postmaster = Number(readFileSync(join(folder, data, "postgres/postmaster.pid"), "utf8").split("\n")[0])
    child.kill("SIGINT")
    expect(await child.exited).toBe(130)
    expect(left()).toEqual([])
    expect(() => process.kill(postmaster, 0)).toThrow()
  },
  DEMO_MS
)

test("a scenario that does not exist: one line, code 2, nothing started", async () => {
  const { child, told, listened } = demo("7")
  expect(await child.exited).toBe(2)
  await listened
  expect(told()).toBe("There is no scenario 7. Usage: npm run demo [-- 1 2 3 4 5] [-- --json]\n")
})
