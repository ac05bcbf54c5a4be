/** `npm run audit` without a database of one's own: on a platform that runs, and on one that does not. */
import { afterAll, expect, test } from "bun:test"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { apiAt } from "./client.ts"
import { eventually } from "./eventually.ts"
import { launch, PACE } from "./platform.ts"
import { command } from "./trail.ts"

const dataDir = mkdtempSync(join(tmpdir(), "wallet-audit-"))
const platform = await launch({ ...PACE, DATA_DIR: dataDir, DATABASE_URL: "", AUDIT_INTERVAL_MS: "20" })
const api = apiAt(() => platform.url, "sk_dev_scenarios")
afterAll(async () => {
  platform.kill("SIGKILL")
  await platform.exited
  rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 })
})

const DATA = { DATA_DIR: dataDir, DATABASE_URL: "" }

test("the trail of a platform that runs, and of the same one once it is stopped", async () => {
  await api.pay((await api.open(5_000)).id, 1_000)
  await eventually(
    "the trail has begun",
    () => command(DATA, "anchor"),
    ({ out }) => out !== ""
  )
  const running = await command(DATA, "verify")
  expect([running.code, running.error]).toEqual([0, ""])
  expect(running.out).toContain("valid\n")
  const anchor = await command(DATA, "anchor")
  platform.kill("SIGTERM")
  expect(await platform.exited).toBe(0)
  const stopped = await command(DATA, "verify")
  expect([stopped.code, stopped.error]).toEqual([0, ""])
  expect(stopped.out).toContain("  default: 1 to ")
  expect(anchor.out).toContain('{"tenant":"default"')
}, 60_000)

test("where there is no database it says so, and makes none", async () => {
  const nowhere = join(dataDir, "nowhere")
  const { code, error } = await command({ DATA_DIR: nowhere, DATABASE_URL: "" }, "verify")
  expect([code, error.trim()]).toEqual([1, `cannot go on: ${nowhere} holds no database: set DATA_DIR or DATABASE_URL`])
  expect(existsSync(nowhere)).toBe(false)
})

test("what it does not know is said in one line", async () => {
  for (const args of [[], ["walk"], ["verify", "--anchors"], ["anchor", "--anchors", "x"], ["verify", "x", "y"]]) {
    const { code, out, error } = await command(DATA, ...args)
    expect([code, out, error.trim()]).toEqual([1, "", expect.stringContaining("cannot go on: npm run audit -- verify")])
  }
})
