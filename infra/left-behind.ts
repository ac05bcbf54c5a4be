/** What a killed platform may leave: processes of its DATA_DIR, and a port that is still taken. */
import { readFileSync, readlinkSync } from "node:fs"
import { createServer } from "node:net"
import { allPids, identityOf, type ProcessIdentity } from "./embedded/process-identity.ts"

/** Whatever works in DATA_DIR or carries its name in its arguments or environment; empty where there is no /proc. */
export const processesOf = (dataDir: string): ReadonlyArray<ProcessIdentity> =>
  process.platform !== "linux"
    ? []
    : allPids()
        .filter((pid) => pid !== process.pid && mentions(pid, dataDir))
        .flatMap((pid) => identityOf(pid) ?? [])

const mentions = (pid: number, dataDir: string): boolean =>
  [
    () => readlinkSync(`/proc/${pid}/cwd`),
    () => readFileSync(`/proc/${pid}/cmdline`, "utf8"),
    () => readFileSync(`/proc/${pid}/environ`, "utf8")
  ].some((read) => {
    try {
      return read().includes(dataDir)
    } catch {
      return false
    }
  })

/** A port nobody listens on, or the wanted one, if nobody does. */
export const freePort = (wanted = 0): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer().on("error", reject)
    server.listen(wanted, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
    })
  })
