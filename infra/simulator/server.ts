/**
 * The simulator's socket side: reads a request, asks the simulator for its fate, and makes that fate come true on the
 * wire, including the ugly ones (no answer, a reset, half a body). `node:http` and not `Bun.serve`, because only here
 * is the socket ours to destroy; it costs a tenth of the throughput.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import type { Answer, Call } from "./provider.ts"
import { type Fate, Simulator, type SimulatorOptions } from "./simulator.ts"

export const HOST = "127.0.0.1"
/** A call that is never answered keeps its socket at most this long. */
export const HANG_MAX_MS = 120_000
const BODY_MAX_BYTES = 1024 * 1024

export type Listening = { readonly url: string; readonly stop: () => Promise<void> }

const send = (res: ServerResponse, { status, headers, body }: Answer): void => {
  if (res.destroyed) return
  if (status === 204) res.writeHead(204, headers)
  else res.writeHead(status, { ...headers, "content-length": Buffer.byteLength(body) })
  res.end(status === 204 ? undefined : body)
}

/** An answer without a body has nothing to cut; then the headers promise one that never comes. */
const PROMISED_MIN_BYTES = 32

/** The headers promise a whole body; half of it comes, and then the end of the connection. */
const sendHalf = (res: ServerResponse, socket: Socket, { status, headers, body }: Answer): void => {
  if (res.destroyed) return
  const bytes = Buffer.from(body)
  const promised = Math.max(bytes.length, PROMISED_MIN_BYTES)
  res.writeHead(status === 204 ? 200 : status, { ...headers, "content-length": promised })
  res.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => setImmediate(() => socket.destroy()))
}

const HTML = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"

const hang = (res: ServerResponse, socket: Socket): void => {
  const timer = setTimeout(() => socket.destroy(), HANG_MAX_MS)
  timer.unref()
  res.on("close", () => clearTimeout(timer))
}

const deliver = (fate: Fate, res: ServerResponse, socket: Socket): void => {
  const { answer, fault } = fate
  fate.done()
  if (fault === "reset-before" || fault === "reset-after") socket.resetAndDestroy()
  else if (answer === undefined || fault === "hang-after") hang(res, socket)
  else if (fault === "cut-body-after") sendHalf(res, socket, answer)
  else if (fault === "empty-200-after") send(res, { status: 200, headers: answer.headers, body: "" })
  else if (fault === "html-502-after") send(res, { status: 502, headers: { "content-type": "text/html" }, body: HTML })
  else send(res, answer)
}

const callOf = (req: IncomingMessage, body: string): Call => {
  const url = req.url ?? "/"
  const question = url.indexOf("?")
  const path = question < 0 ? url : url.slice(0, question)
  const query = question < 0 ? "" : url.slice(question + 1)
  return { method: req.method ?? "GET", path, query, headers: req.headers, body }
}

const serve = (simulator: Simulator, req: IncomingMessage, res: ServerResponse, body: string): void => {
  const socket = req.socket
  const fate = simulator.handle(callOf(req, body))
  simulator.world.journal.afterWrite(() => {
    if (fate.latency_ms === 0) deliver(fate, res, socket)
    else setTimeout(() => deliver(fate, res, socket), fate.latency_ms)
  })
}

const listener = (simulator: Simulator) => (req: IncomingMessage, res: ServerResponse) => {
  res.on("error", () => {})
  const chunks: Array<Buffer> = []
  let bytes = 0
  req.on("data", (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > BODY_MAX_BYTES) req.socket.destroy()
    else chunks.push(chunk)
  })
  req.on("end", () => {
    if (bytes <= BODY_MAX_BYTES)
      serve(simulator, req, res, chunks.length === 0 ? "" : Buffer.concat(chunks).toString("utf8"))
  })
}

const listen = (server: Server, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once("error", reject)
    server.listen(port, HOST, () => {
      server.off("error", reject)
      resolve((server.address() as AddressInfo).port)
    })
  })

export type StartOptions = SimulatorOptions & { readonly port: number }

/** Starts the simulator inside this process; `spawn.ts` starts one of its own. */
export const startSimulator = async ({ port, ...options }: StartOptions): Promise<Listening> => {
  const simulator = new Simulator(options)
  const server = createServer(listener(simulator))
  // A connection that is idle for long must not be closed under a client that is about to use it again.
  server.keepAliveTimeout = 0
  server.requestTimeout = 0
  server.timeout = 0
  // The port first: whoever cannot have it must not touch the journal of the one who has. No request is read before
  // the journal is, because both happen in this turn of the loop.
  const taken = await listen(server, port)
  simulator.open()
  let stopped: Promise<void> | undefined
  const stop = () =>
    (stopped ??= new Promise<void>((resolve) => {
      simulator.pause()
      server.close(() => {
        simulator.world.journal.close()
        resolve()
      })
      server.closeAllConnections()
    }))
  return { url: `http://${HOST}:${taken}`, stop }
}
