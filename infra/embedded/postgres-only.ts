/** The smallest program with an embedded Postgres: the lifecycle script tries its teeth on it. DATA_DIR, HTTP_PORT. */
import { createServer } from "node:http"
import { startPostgres } from "./postgres.ts"

const say = (line: string) => process.stderr.write(`${line}\n`)

try {
  const postgres = await startPostgres({ dataDir: process.env["DATA_DIR"] ?? "data" })
  const server = createServer((request, response) => {
    response.writeHead(request.url === "/ready" ? 200 : 404).end()
  })
  server.listen(Number(process.env["HTTP_PORT"] ?? 8080), "127.0.0.1")
  let draining = false
  const drain = async () => {
    if (draining) return
    draining = true
    server.close()
    server.closeAllConnections()
    await postgres.stop()
    process.exit(0)
  }
  process.on("SIGTERM", drain).on("SIGINT", drain)
  postgres.ended.then((reason) => {
    if (reason === undefined) return
    say(reason)
    process.exit(1)
  })
} catch (error) {
  say(error instanceof Error ? error.message : String(error))
  process.exit(1)
}
