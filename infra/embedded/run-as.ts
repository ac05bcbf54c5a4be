/**
 * As whom Postgres runs. It refuses to run as root, so a root start hands it to an ordinary system user.
 *
 * That user must be able to enter DATA_DIR and to read the binaries, which it cannot when they lie below a closed
 * home such as /root. Data that silently went elsewhere would break "remove DATA_DIR to start afresh", so the user is
 * given one capability instead: to read, or where a container withholds that one, to pass over, file permissions.
 * It is tried in that order, least first, and only where needed.
 */
import { spawnSync } from "node:child_process"
import { chownSync, existsSync, readFileSync, statSync } from "node:fs"

export interface RunAs {
  /** Put before the command; empty for an ordinary user. */
  readonly prefix: ReadonlyArray<string>
  readonly own: (path: string) => void
}

const userNames = ["postgres", "nobody"] // no user is created: the machine stays as it was

export const runAs = (paths: { dataDir: string; pgData: string; binary: string }): RunAs => {
  const uid = process.getuid?.() ?? -1
  if (uid !== 0) {
    if (existsSync(paths.pgData) && statSync(paths.pgData).uid !== uid) {
      throw new Error(
        `${paths.pgData} belongs to another user: start as that user or as root, or choose another DATA_DIR`
      )
    }
    return { prefix: [], own: () => {} }
  }
  const user = existingOwner(paths.pgData) ?? systemUser()
  const own = (path: string) => chownSync(path, user.uid, user.gid)
  for (const capability of ["", "dac_read_search", "dac_override"]) {
    const prefix = setpriv(user, capability)
    if (works(prefix, paths.dataDir, paths.binary)) return { prefix, own }
  }
  throw new Error(
    `started as root, and Postgres cannot run as user ${user.uid} with ${paths.dataDir}: it needs the setpriv ` +
      "command and a DATA_DIR and a checkout which that user may enter. Or start as an ordinary user"
  )
}

interface User {
  readonly uid: number
  readonly gid: number
}

const existingOwner = (pgData: string): User | undefined => {
  if (!existsSync(pgData)) return undefined
  const { uid, gid } = statSync(pgData)
  return uid === 0 ? undefined : { uid, gid }
}

const systemUser = (): User => {
  const lines = readFileSync("/etc/passwd", "utf8").split("\n")
  for (const name of userNames) {
    const [, , uid, gid] = lines.find((line) => line.startsWith(`${name}:`))?.split(":") ?? []
    if (uid !== undefined && Number(uid) > 0) return { uid: Number(uid), gid: Number(gid) }
  }
  throw new Error(`started as root, and there is no user ${userNames.join(" or ")} to run Postgres as`)
}

const setpriv = ({ uid, gid }: User, capability: string): ReadonlyArray<string> => [
  "setpriv",
  `--reuid=${uid}`,
  `--regid=${gid}`,
  "--clear-groups",
  ...(capability === "" ? [] : [`--inh-caps=+${capability}`, `--ambient-caps=+${capability}`]),
  "--"
]

/** Asks the system instead of reasoning about modes, lists and mounts. */
const works = (prefix: ReadonlyArray<string>, dataDir: string, binary: string): boolean => {
  const [command = "", ...args] = prefix
  const script = 'cd "$1" && "$2" --version'
  return spawnSync(command, [...args, "/bin/sh", "-c", script, "sh", dataDir, binary], { stdio: "ignore" }).status === 0
}
