import { afterEach, beforeEach, expect, test } from "bun:test"
import { type ChildProcess, spawn } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect } from "effect"
import { query, Sql } from "../../shared/runtime/postgres.ts"
import { claimDataDir } from "./owner.ts"
import { EmbeddedPostgres, startPostgres } from "./postgres.ts"
import { identityOf, ownIdentity } from "./process-identity.ts"

let dataDir: string
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "embedded-"))
})
afterEach(() => rmSync(dataDir, { recursive: true, force: true }))

const settings = { sharedBuffers: "32MB" }
const run = <A, E>(url: string, effect: Effect.Effect<A, E, Sql>) =>
  Effect.runPromise(Effect.provide(effect, Sql.layerFrom({ url, max: 1 })))
const until = async (what: string, condition: () => boolean) => {
  const deadline = performance.now() + 15_000
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`never: ${what}`)
    await Bun.sleep(10)
  }
}
const postmasterPid = () => {
  const file = join(dataDir, "postgres", "postmaster.pid")
  return existsSync(file) ? Number(readFileSync(file, "utf8").split("\n")[0]) : undefined
}

test("data outlives a stop; the settings are durable; the port and the password are needed", async () => {
  const first = await startPostgres({ dataDir, settings })
  await run(
    first.url,
    query((sql) => sql`create table t as select 1 as n`)
  )
  await first.stop()
  expect(await first.ended).toBeUndefined()
  expect(postmasterPid()).toBeUndefined()
  const second = await startPostgres({ dataDir, settings })
  const rows = await run(
    second.url,
    query(
      (sql) => sql`select n, current_setting('fsync') as f, current_setting('synchronous_commit') as c,
      current_setting('lc_collate', true) as l, current_setting('server_encoding') as e, current_database() as d from t`
    )
  )
  expect(rows[0]).toMatchObject({ n: 1, f: "on", c: "on", e: "UTF8", d: "wallet" })
  const stranger = await run(second.url.replace(/:[^:@]+@/, ":wrong@"), Effect.flip(query((sql) => sql`select 1`)))
  expect(stranger).toMatchObject({ _tag: "DbError", code: "28P01" })
  await second.stop()
})

test("as a layer: up inside the scope, gone after it", async () => {
  const program = Effect.flatMap(EmbeddedPostgres, ({ url }) =>
    Effect.promise(() =>
      run(
        url,
        query((sql) => sql`select 1 as n`)
      )
    )
  )
  const layer = EmbeddedPostgres.layer({ dataDir, settings })
  expect(await Effect.runPromise(Effect.provide(program, layer))).toEqual([{ n: 1 }] as never)
  expect(postmasterPid()).toBeUndefined()
})

test("a second platform on the same folder gets one clear line", async () => {
  const first = await startPostgres({ dataDir, settings })
  await expect(startPostgres({ dataDir, settings })).rejects.toThrow(
    `${dataDir} is in use by process ${process.pid}: stop it, or choose another DATA_DIR`
  )
  await first.stop()
})

test("of many that claim a folder left by a dead owner, one gets it", async () => {
  writeFileSync(join(dataDir, "owner.7"), JSON.stringify({ pid: 1, started: "long ago" }))
  const claim = await claimDataDir(dataDir)
  expect(readdirSync(dataDir)).toEqual(["owner.8"])
  await expect(claimDataDir(dataDir)).rejects.toThrow("in use")
  claim.release()
  const script = `import { claimDataDir } from ${JSON.stringify(fileURLToPath(new URL("owner.ts", import.meta.url)))}
    try { await claimDataDir(${JSON.stringify(dataDir)}); process.stdout.write("mine") } catch {}
    await Bun.sleep(1500)`
  const rivals = Array.from({ length: 6 }, () =>
    spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] })
  )
  const answers = await Promise.all(rivals.map((rival) => new Response(rival.stdout as never).text().catch(() => "")))
  expect(answers.filter((answer) => answer === "mine").length).toBe(1)
})

/** `postgres-only.ts` in a group of its own. */
const launch = (port = 0) => {
  const program = fileURLToPath(new URL("postgres-only.ts", import.meta.url))
  const env = { ...process.env, DATA_DIR: dataDir, HTTP_PORT: String(port) }
  return spawn(process.execPath, [program], { env, detached: true, stdio: "ignore" })
}
const launchReady = async () => {
  const probe = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() })
  const port = probe.port!
  await probe.stop(true)
  const child = launch(port)
  const deadline = performance.now() + 15_000
  while (!(await fetch(`http://127.0.0.1:${port}/ready`).catch(() => undefined))?.ok) {
    if (performance.now() > deadline) throw new Error("never ready")
    await Bun.sleep(10)
  }
  return child
}
const exited = (child: ChildProcess) =>
  new Promise((resolve) => child.on("exit", (code, signal) => resolve(signal ?? code)))

for (const [what, target] of [
  ["the parent only", 1],
  ["the whole group", -1]
] as const) {
  test(`kill -9 of ${what}: Postgres ends by itself, and cleanly`, async () => {
    const child = await launchReady()
    const pid = postmasterPid()!
    process.kill(target * child.pid!, "SIGKILL")
    await until("Postgres ended", () => identityOf(pid) === undefined)
    expect(readFileSync(join(dataDir, "postgres.log"), "utf8")).toContain("database system is shut down")
  })
}

test("SIGINT to the group reaches Postgres only through the platform's drain", async () => {
  const child = await launchReady()
  const how = exited(child)
  process.kill(-child.pid!, "SIGINT")
  expect(await how).toBe(0)
  expect(postmasterPid()).toBeUndefined()
})

test("a postmaster that lost its watcher is ended by the next start, its data kept", async () => {
  const first = await startPostgres({ dataDir, settings })
  await run(
    first.url,
    query((sql) => sql`create table t as select 1 as n`)
  )
  const postmaster = postmasterPid()!
  const watcher = Number(/PPid:\s*(\d+)/.exec(readFileSync(`/proc/${postmaster}/status`, "utf8"))?.[1])
  process.kill(watcher, "SIGKILL")
  expect(await first.ended).toBe("its watcher was killed")
  expect(identityOf(postmaster)).toBeDefined()
  const second = await startPostgres({ dataDir, settings })
  expect(identityOf(postmaster)).toBeUndefined()
  expect(
    (
      await run(
        second.url,
        query((sql) => sql`select n from t`)
      )
    ).length
  ).toBe(1)
  await second.stop()
})

test("a killed postmaster is reported, and the next start recovers", async () => {
  const first = await startPostgres({ dataDir, settings })
  process.kill(postmasterPid()!, "SIGKILL")
  expect(await first.ended).toBe("Postgres ended by itself (SIGKILL)")
  const second = await startPostgres({ dataDir, settings })
  await second.stop()
})

test("a lock file that names another living process is no obstacle", async () => {
  await (await startPostgres({ dataDir, settings })).stop()
  const lines = [String(process.ppid), join(dataDir, "postgres"), "1", "5432", "", "127.0.0.1", "0 0", "ready"]
  writeFileSync(join(dataDir, "postgres", "postmaster.pid"), lines.join("\n"))
  await (await startPostgres({ dataDir, settings })).stop()
})

test("an initdb that was killed half-way is started over", async () => {
  const half = join(dataDir, "postgres.init-1", "data")
  mkdirSync(half, { recursive: true })
  writeFileSync(join(half, "PG_VERSION"), "18")
  const child = launch()
  await until("initdb at work", () => readdirSync(dataDir).some((name) => /^postgres\.init-(?!1$)/.test(name)))
  process.kill(-child.pid!, "SIGKILL")
  const running = await startPostgres({ dataDir, settings })
  expect(readdirSync(dataDir).filter((name) => name.startsWith("postgres.init-"))).toEqual([])
  await running.stop()
})

test("a broken setting is one line with Postgres' own words", async () => {
  await expect(startPostgres({ dataDir, settings: { sharedBuffers: "none" } })).rejects.toThrow(
    /^Postgres did not start: invalid value for parameter "shared_buffers": "none"$/
  )
})

test.if(process.getuid?.() === 0)("as root, below a folder that only root may enter", async () => {
  const closed = mkdtempSync(join(tmpdir(), "closed-")) // mode 0700
  const inside = join(closed, "data")
  const running = await startPostgres({ dataDir: inside, settings })
  const rows = await run(
    running.url,
    query((sql) => sql`select 1 as n`)
  )
  expect(rows.length).toBe(1)
  await running.stop()
  rmSync(closed, { recursive: true })
})

test("a process is not mistaken for another with its number", () => {
  expect(identityOf(process.pid)).toEqual(ownIdentity())
  expect(identityOf(4_194_305)).toBeUndefined()
})
