// The files the rules are about, and the rules about the repository as a whole.
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { PURE_MODULES } from "./imports.ts"
import { serviceOf } from "./rule.ts"

export const root = join(import.meta.dir, "../../..")

/** Tracked files and new ones that are not ignored. Without git (an unpacked archive) the files that are there. */
export const sourceFiles = (): ReadonlyArray<string> => {
  // As root in a clone that belongs to somebody else git refuses to answer unless it is told that this is meant.
  const command = ["git", "-c", "safe.directory=*", "ls-files", "-co", "--exclude-standard", "-z", "--", "*.ts"]
  const git = Bun.spawnSync(command, { cwd: root, stderr: "ignore" })
  const listed = git.success
    ? git.stdout.toString().split("\0")
    : [...new Bun.Glob("{services,shared,infra,tests,bench,redpanda,clickhouse}/**/*.ts").scanSync(root)]
  return listed.filter((path) => path !== "" && !path.includes("node_modules/") && existsSync(join(root, path))).sort()
}

export const readSource = (path: string): string => readFileSync(join(root, path), "utf8")

/** Folders under services/ that have code, and no README.md that says what they own. */
export const servicesWithoutReadme = (paths: ReadonlyArray<string>, exists: (path: string) => boolean) =>
  [...new Set(paths.flatMap((path) => serviceOf(path) ?? []))]
    .map((service) => `services/${service}/README.md`)
    .filter((path) => !exists(path))

/** If the deciders move, the rule that keeps them pure must follow; otherwise it would quietly check nothing. */
export const decidersAreKnown = (paths: ReadonlyArray<string>): boolean =>
  !paths.some((path) => serviceOf(path) !== undefined) || paths.some((path) => PURE_MODULES.includes(path))
