/** A Postgres for a whole test run: prints its URL, and stays until its standard input closes or it is told to stop. */
import { startTestServer } from "./postgres.ts"

const postgres = await startTestServer()

let stopping = false
const stop = async () => {
  if (stopping) return
  stopping = true
  await postgres.stop()
  process.exit(0)
}
process.stdin.resume().on("end", stop).on("close", stop).on("error", stop)
process.on("SIGTERM", stop).on("SIGINT", stop).on("SIGHUP", stop)
process.stdout.write(`${postgres.url}\n`)
