/**
 * `npm run lab` lists the cases; `npm run lab -- P16 [P21 …|all]` plays them against a platform that runs; it ends with
 * 1 if something that must be so is not, with 2 if there is nothing to play against. Ctrl-C takes back what was armed.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { clientAt, simulatorAt } from "../demo/client.ts"
import { terminalOn } from "../demo/terminal.ts"
import { Arming } from "./arming.ts"
import { CASES } from "./catalogue.ts"
import { play } from "./play.ts"
import { firstProvider, Unreachable } from "./reach.ts"
import { ended, listed, type Verdict } from "./telling.ts"

const refuse = (complaint: string): never => {
  console.error(complaint)
  process.exit(2)
}

const given = () => {
  try {
    const options = { url: { type: "string" }, key: { type: "string" }, simulator: { type: "string" } } as const
    return parseArgs({ options, allowPositionals: true })
  } catch (error) {
    return refuse(`${error instanceof Error ? error.message : String(error)}. See npm run lab`)
  }
}

/** The key that npm start made at its first start, where nobody names another. */
const keptKey = (): string => {
  try {
    return readFileSync(join(process.env["DATA_DIR"] ?? "data", "api-key"), "utf8").trim()
  } catch {
    return ""
  }
}

const { values, positionals } = given()
const { env } = process
const trimmed = (url: string) => url.replace(/\/+$/, "")
const url = trimmed(values.url ?? env["API_URL"] ?? `http://127.0.0.1:${env["HTTP_PORT"] ?? 8080}`)
const simulatorUrl = trimmed(
  values.simulator ?? env["SIMULATOR_URL"] ?? `http://127.0.0.1:${env["SIMULATOR_PORT"] ?? 8090}`
)
const apiKey = values.key ?? env["API_KEY"] ?? keptKey()
const place = { apiKey, url: () => url, simulatorUrl: () => simulatorUrl }

const terminal = terminalOn(process.stdout)
if (positionals.length === 0) {
  terminal.print(listed(CASES, terminal.paint))
  process.exit(0)
}
const wanted = positionals.map((word) => word.toUpperCase())
const unknown = wanted.find((word) => word !== "ALL" && !CASES.some(({ id }) => id === word))
if (unknown !== undefined) refuse(`There is no case ${unknown}. See npm run lab`)
if (env["PROVIDERS"] === "live")
  refuse("PROVIDERS=live: the lab makes providers fail, so it plays with the simulator only.")
const chosen = CASES.filter(({ id }) => wanted.includes("ALL") || wanted.includes(id))

const simulator = simulatorAt(place.simulatorUrl)
const arming = new Arming(simulator)
let interrupted = false

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(signal, () => {
    if (interrupted) return
    interrupted = true
    terminal.mute()
    void arming.end().finally(() => process.exit(130))
  })

const began = performance.now()
try {
  const first = await firstProvider(place, clientAt(place.url, apiKey), simulator)
  terminal.print([`The platform at ${url} asks ${first} first.`])
  const verdicts: Array<Verdict> = []
  for (const one of chosen) verdicts.push(await play(one, { place, first, terminal, arming }))
  terminal.print(ended(verdicts, performance.now() - began, terminal.paint))
  process.exit(verdicts.every(({ holds }) => holds) ? 0 : 1)
} catch (error) {
  // What was interrupted fails of necessity; the signal's own end follows.
  if (!interrupted) {
    const message = error instanceof Error ? error.message : String(error)
    refuse(error instanceof Unreachable ? `Cannot play: ${message}` : `The lab could not go on: ${message}`)
  }
}
