/**
 * `npm run demo [-- 1 3] [-- --json]`: plays the five scenarios, or some, on a platform of its own and tells what
 * happened. Ends with 1 if something that must be so is not. `--json`: the stories on standard output, the telling on
 * standard error.
 */
import { parseArgs } from "node:util"
import { ending, opening } from "./narrator.ts"
import { Platform, TIMEOUT_MS } from "./platform.ts"
import { playAll, SCENARIOS } from "./play.ts"
import { holds } from "./story.ts"
import { terminalOn } from "./terminal.ts"

const usage = (complaint: string): never => {
  console.error(`${complaint}. Usage: npm run demo [-- 1 2 3 4 5] [-- --json]`)
  process.exit(2)
}

const asked = () => {
  try {
    const { values, positionals } = parseArgs({ options: { json: { type: "boolean" } }, allowPositionals: true })
    const unknown = positionals.find((word) => !SCENARIOS.some(({ number }) => String(number) === word))
    if (unknown !== undefined) return usage(`There is no scenario ${unknown}`)
    const chosen = SCENARIOS.filter(({ number }) => positionals.length === 0 || positionals.includes(String(number)))
    return { json: values.json === true, chosen }
  } catch (error) {
    return usage(error instanceof Error ? error.message : String(error))
  }
}

const { json, chosen } = asked()
const terminal = terminalOn(json ? process.stderr : process.stdout)
const platform = new Platform()
let interrupted = false

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(signal, () => {
    if (interrupted) return
    interrupted = true
    terminal.waits("stopping")
    terminal.mute()
    void platform.stop("abandon").then(() => process.exit(130))
  })

const began = performance.now()
terminal.print(opening(TIMEOUT_MS))
try {
  const stories = await playAll(platform, chosen, terminal)
  terminal.print(ending(stories, performance.now() - began, terminal.paint))
  if (json) process.stdout.write(`${JSON.stringify({ stories })}\n`)
  process.exitCode = stories.every(holds) ? 0 : 1
} catch (error) {
  // A scene that was interrupted fails of necessity; the signal's own end follows.
  if (!interrupted) {
    await platform.stop()
    terminal.print([`The demo could not go on: ${error instanceof Error ? error.message : String(error)}`])
    process.exit(1)
  }
}
