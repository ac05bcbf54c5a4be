// Runs every *.test.ts against a shared Postgres server and ends with the totals: `bun infra/test.ts [filter…] [flag…]`
// A filter is a part of a path; flags go to `bun test`. Each file has a process of its own: a crash, a leak or an exit
// in one file cannot touch another, and each file's output stays together.
import { existsSync, readdirSync } from "node:fs"
import { availableParallelism } from "node:os"
import { join } from "node:path"

const root = join(import.meta.dir, "..")
const POSTGRES_READY_MS = 120_000
const POSTGRES_STOP_MS = 10_000
/** For a test that sets none itself; bun's own 5 s are short for a real database beside other test files. */
const TEST_MS_MAX = 30_000
/** Ends a file that blocks the thread, where the limit of a test cannot. */
const FILE_MS_MAX = 15 * 60_000
/** More processes than this do not help: the Postgres server they share becomes the limit. */
const PROCESSES_MAX = 4

type Totals = {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly complaint?: string
}
const nothing: Totals = { passed: 0, failed: 0, skipped: 0 }

/** Flags of `bun test` that take the next argument; anything else that has no dash is a filter. */
const takesValue = new Set(["-t", "--test-name-pattern", "--timeout", "--rerun-each", "--retry", "--seed"])
export const splitArguments = (given: ReadonlyArray<string>) => {
  const isFlag = (argument: string, i: number) => argument.startsWith("-") || takesValue.has(given[i - 1] ?? "")
  return {
    filters: given.filter((argument, i) => !isFlag(argument, i)).map((filter) => filter.replace(/^\.\//, "")),
    flags: given.filter(isFlag)
  }
}

/** Packages, data and folders that start with a dot are not looked into. The slow whole-system tests start first. */
const testFiles = (filters: ReadonlyArray<string>): Array<string> =>
  readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !/^(\.|node_modules$|data$)/.test(entry.name))
    .flatMap(({ name }) => [...new Bun.Glob(`${name}/**/*.test.ts`).scanSync(root)])
    .filter((file) => !/(^|\/)(node_modules|data)\//.test(file))
    .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
    .sort((a, b) => Number(b.startsWith("tests/")) - Number(a.startsWith("tests/")) || (a < b ? -1 : 1))

/** The totals stand at the end of bun's output; without them the process died before its last test. */
export const readTotals = (output: string, exitCode: number): Totals => {
  if (exitCode !== 0 && /error: regex .* matched 0 tests/.test(output)) return nothing
  const end = output.lastIndexOf("\nRan ")
  if (end < 0) return { ...nothing, failed: 1, complaint: `ended with code ${exitCode} before its last test` }
  const count = (word: string) => {
    const found = [...output.slice(Math.max(0, end - 400), end + 1).matchAll(new RegExp(`^ *(\\d+) ${word}s?$`, "gm"))]
    return Number(found.at(-1)?.[1] ?? 0)
  }
  const totals = { passed: count("pass"), failed: count("fail"), skipped: count("skip") + count("todo") }
  if (exitCode !== 0 && totals.failed === 0)
    return { ...totals, failed: 1, complaint: `ended with code ${exitCode}: an error outside its tests` }
  if (totals.passed + totals.failed + totals.skipped === 0) return { ...totals, failed: 1, complaint: "has no test" }
  if (totals.skipped > 0 && !/^skipped: \S/m.test(output))
    return { ...totals, failed: totals.failed + 1, complaint: "skips a test and prints no line `skipped: <reason>`" }
  return totals
}

const add = (a: Totals, b: Totals): Totals => ({
  passed: a.passed + b.passed,
  failed: a.failed + b.failed,
  skipped: a.skipped + b.skipped
})

const running = new Set<Bun.Subprocess>()
let stopped = false

const runFile = async (file: string, flags: ReadonlyArray<string>, environment: Bun.Env, live: boolean) => {
  // The shell only joins the two outputs, so that a message stays beside the test that printed it.
  const bun = [process.execPath, "test", `--timeout=${TEST_MS_MAX}`, `./${file}`, ...flags]
  const command = ["sh", "-c", 'exec "$0" "$@" 2>&1', ...bun]
  const color = process.stdout.isTTY ? { FORCE_COLOR: "1" } : {}
  const child = Bun.spawn(command, {
    cwd: root,
    env: { ...environment, ...color },
    stdin: "ignore",
    stdout: "pipe",
    timeout: FILE_MS_MAX,
    killSignal: "SIGKILL"
  })
  running.add(child)
  let output = ""
  const decoder = new TextDecoder()
  for await (const chunk of child.stdout) {
    if (live) process.stdout.write(chunk)
    output += decoder.decode(chunk, { stream: true })
  }
  const exitCode = await child.exited
  running.delete(child)
  if (!live) process.stdout.write(output)
  const totals = readTotals(Bun.stripANSI(output), exitCode)
  if (totals.complaint !== undefined) console.log(`(fail) ${file} ${totals.complaint}`)
  return totals
}

type Postgres = { readonly url: string; readonly stop: () => Promise<void> }

/** One server for all files; each file makes a database of its own in it. It ends when its input closes. */
const startPostgres = async (): Promise<Postgres | undefined> => {
  const script = join(root, "infra/testing/serve-postgres.ts")
  if (process.env["TEST_POSTGRES_URL"] !== undefined || !existsSync(script)) return undefined
  const server = Bun.spawn([process.execPath, script], { cwd: root, stdin: "pipe", stdout: "pipe", stderr: "inherit" })
  const impatient = setTimeout(() => server.kill("SIGKILL"), POSTGRES_READY_MS)
  let printed = ""
  const reader = server.stdout.getReader()
  while (true) {
    const { done, value } = await reader.read()
    if (done) throw new Error(`the Postgres server for the tests did not start: ${printed}`)
    printed += new TextDecoder().decode(value)
    const url = /^.*?(postgres(?:ql)?:\/\/\S+)\s/m.exec(printed)?.[1]
    if (url === undefined) continue
    clearTimeout(impatient)
    const stop = async () => {
      const late = setTimeout(() => server.kill("SIGKILL"), POSTGRES_STOP_MS)
      await server.stdin.end()
      await server.exited
      clearTimeout(late)
    }
    return { url, stop }
  }
}

const runAll = async (files: Array<string>, flags: ReadonlyArray<string>) => {
  const postgres = await startPostgres()
  const environment = { ...process.env, ...(postgres && { TEST_POSTGRES_URL: postgres.url }) }
  const processes = Math.min(
    Number(process.env["TEST_PROCESSES"]) || availableParallelism(),
    PROCESSES_MAX,
    files.length
  )
  const queue = [...files]
  const failures: Array<string> = []
  let totals = nothing
  const work = async () => {
    for (let file = queue.shift(); file !== undefined && !stopped; file = queue.shift()) {
      const outcome = await runFile(file, flags, environment, processes === 1)
      if (outcome.failed > 0) failures.push(file)
      totals = add(totals, outcome)
    }
  }
  await Promise.all(Array.from({ length: processes }, work))
  await postgres?.stop()
  return { totals, failures }
}

const main = async () => {
  const started = performance.now()
  const { filters, flags } = splitArguments(process.argv.slice(2))
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => {
      stopped = true
      for (const child of running) child.kill("SIGKILL")
    })
  const { totals, failures } = await runAll(testFiles(filters), flags)
  const { passed, failed, skipped } = totals
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  if (passed + failed === 0) console.log("\nNo test matched.")
  console.log(`\n${seconds} s${failures.length > 0 ? `, failures in:\n  ${failures.sort().join("\n  ")}` : ""}`)
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`)
  process.exit(stopped ? 130 : failed > 0 || passed === 0 ? 1 : 0)
}

if (import.meta.main) await main()
