// `node infra/run.mjs <command> [arguments]`: sets the clone up if need be, then runs the command. package.json's scripts
// all come here, so that each works on a machine with nothing but git, Node and npm.
import { spawn } from "node:child_process"
import { constants } from "node:os"
import { join } from "node:path"
import { bun, root, setup } from "./setup.mjs"

const node = process.execPath
const typescript = (/** @type {string} */ file) => [bun, "--preload", "./infra/lifeline.ts", file]
const packaged = (/** @type {string[]} */ ...path) => [node, join(root, "node_modules", ...path)]

/** What each command runs; the caller's arguments follow. */
const commands = {
  setup: [],
  start: typescript("infra/embedded/main.ts"),
  test: typescript("infra/test.ts"),
  demo: typescript("infra/demo/main.ts"),
  simulate: typescript("tests/simulation/main.ts"),
  lab: typescript("infra/lab/main.ts"),
  bench: typescript("bench/main.ts"),
  rebuild: typescript("infra/consistency/main.ts"),
  audit: typescript("infra/audit/main.ts"),
  lifecycle: typescript("infra/lifecycle.ts"),
  kill: typescript("tests/chaos/main.ts"),
  docs: typescript("infra/docs/main.ts"),
  lint: [...packaged("@biomejs", "biome", "bin", "biome"), "check", ".", "--error-on-warnings"],
  typecheck: [...packaged("typescript", "bin", "tsc"), "-p", "."]
}

/**
 * A Ctrl-C in a terminal reaches us twice (from the terminal, and forwarded by npm), and would reach the child as well.
 * So the child gets its own process group and hears from us alone; what comes within this time is one and the same
 * signal. Killing our group no longer ends the child, therefore it holds a line to us and ends when we are gone.
 */
const SAME_SIGNAL_MS = 500

/** How often to look whether npm is still there. If it was killed, nobody is left who could stop us, so we stop. */
const PARENT_CHECK_MS = 250

const execute = ([program, ...args]) => {
  const child = spawn(program, args, {
    cwd: root,
    stdio: program === bun ? ["inherit", "inherit", "inherit", "ipc"] : "inherit",
    detached: process.platform !== "win32"
  })
  let forwardedAt = Number.NEGATIVE_INFINITY
  const forward = (/** @type {string} */ signal) => {
    if (performance.now() - forwardedAt < SAME_SIGNAL_MS) return
    forwardedAt = performance.now()
    child.kill(signal)
  }
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, forward)
  const parent = process.ppid
  const watch = setInterval(() => {
    if (process.env.npm_lifecycle_event === undefined || process.ppid === parent) return
    clearInterval(watch)
    forward("SIGTERM")
  }, PARENT_CHECK_MS)
  child.on("error", (error) => {
    console.error(`${program} could not be started: ${error.message}`)
    process.exit(1)
  })
  child.on("exit", (code, signal) => process.exit(signal === null ? code : 128 + constants.signals[signal]))
}

const [name, ...args] = process.argv.slice(2)
if (name === undefined || !Object.hasOwn(commands, name)) {
  console.error(`${name === undefined ? "Which command?" : `There is no command "${name}".`} The commands:`)
  console.error(Object.keys(commands).join(", "))
  process.exit(2)
}
setup()
if (commands[name].length > 0) execute([...commands[name], ...args])
