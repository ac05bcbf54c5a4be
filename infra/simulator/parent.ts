/** Ends this process when the one that started it is gone, however it went. */
import { fstatSync } from "node:fs"

const POLL_MS = 500

const stdinIsPipe = (): boolean => {
  try {
    const stat = fstatSync(0)
    return stat.isFIFO() || stat.isSocket()
  } catch {
    return false
  }
}

export const exitWithParent = (gone: () => void): void => {
  // The end of the pipe tells at once; a terminal or /dev/null tells nothing, and then only the poll does.
  if (stdinIsPipe()) {
    process.stdin.on("end", gone)
    process.stdin.on("close", gone)
    process.stdin.resume()
  }
  const parent = process.ppid
  setInterval(() => {
    if (process.ppid !== parent) gone()
  }, POLL_MS).unref()
}
