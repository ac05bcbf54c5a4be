/** As whom the platform is started by those who kill it: as root and as an ordinary user, where both are possible. */
import { spawnSync } from "node:child_process"

export type User = "root" | "ordinary"

export const ORDINARY_UID = 65_534

const DROP_ROOT = ["setpriv", `--reuid=${ORDINARY_UID}`, `--regid=${ORDINARY_UID}`, "--clear-groups", "--"]

/** What stands before the command. */
export const asUser = (user: User): ReadonlyArray<string> =>
  user === "ordinary" && process.getuid?.() === 0 ? DROP_ROOT : []

/** Both for root, who can be either; tells why if it cannot. */
export const users = (say: (line: string) => void): ReadonlyArray<User> => {
  if (process.getuid?.() !== 0) return ["ordinary"]
  const probe = spawnSync("setpriv", [...DROP_ROOT.slice(1), process.execPath, "--version"], { stdio: "ignore" })
  if (probe.status === 0) return ["root", "ordinary"]
  say("the ordinary user may not run this checkout's programs: cycles as root only")
  return ["root"]
}
