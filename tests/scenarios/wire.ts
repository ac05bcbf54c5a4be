/**
 * The wire between the platform and Postgres, which a test may cut where it hurts most: before a commit arrives, or
 * after it is done and before anybody hears of it.
 */
import { connect, createServer, type Socket } from "node:net"

/** `request`: the server never gets it · `answer`: the server has done it, and the answer is lost. */
export type Loss = "request" | "answer"

interface Cut {
  /** The application name of the connection. */
  readonly connection: string
  /** What stands in the statement's parameters. */
  readonly holds: string
  readonly loses: Loss
}

export type Wire = Awaited<ReturnType<typeof wireTo>>

export const wireTo = async (databaseUrl: string) => {
  const { hostname, port } = new URL(databaseUrl)
  const sockets = new Set<Socket>()
  let armed: Cut | undefined
  let cuts = 0
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname)
    let name: string | undefined
    let losing = false
    const end = () => {
      for (const socket of [client, upstream]) {
        socket.destroy()
        sockets.delete(socket)
      }
    }
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.setNoDelay(true).on("close", end).on("error", end)
    }
    client.on("data", (chunk) => {
      // The first message says who connects.
      name ??= /application_name\0([^\0]*)/.exec(chunk.toString("latin1"))?.[1] ?? ""
      if (armed !== undefined && armed.connection === name && chunk.includes(armed.holds)) {
        const { loses } = armed
        armed = undefined
        cuts++
        if (loses === "request") return end()
        losing = true
      }
      upstream.write(chunk)
    })
    upstream.on("data", (chunk) => (losing ? end() : client.write(chunk)))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address = server.address()
  const url = new URL(databaseUrl)
  url.hostname = "127.0.0.1"
  url.port = String(typeof address === "object" && address !== null ? address.port : 0)
  return {
    url: url.href,
    /** The next statement that fits loses its request or its answer, and its connection. */
    cut: (next: Cut) => {
      armed = next
    },
    cuts: () => cuts,
    close: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    }
  }
}
