/**
 * One connection: a driver instance that has exactly one socket in its life.
 *
 * postgres.js would reconnect by itself, but it carries state over: the FATAL that ended the old session is given to
 * the first innocent statement of the new one, buffered bytes lead the new handshake, and a server that accepts and
 * hangs up is dialled for ever. So a connection that was lost is thrown away whole, and a new one is made.
 */
import { connect, type Socket } from "node:net"
import { Effect } from "effect"
import postgres from "postgres"
import { ConnectionLost, type SqlFailure, toFailure } from "./sql-failure.ts"

export type SqlTypes = { bigint: bigint }
export type Row = postgres.Row
export type Driver = postgres.Sql<SqlTypes>

export interface SqlConnection {
  readonly driver: Driver
  /** True once the socket has closed, or somebody retired it. */
  readonly isLost: () => boolean
  /** No further user gets it; the present one may go on. */
  readonly retire: () => void
  /** Closes it at once. Not waited for: the driver's own goodbye may never settle after a loss. */
  readonly drop: () => void
  /** Closes it after what it is doing. */
  readonly end: Effect.Effect<void>
}

export interface ConnectionOptions {
  readonly url: string
  readonly parameters: Record<string, string>
  readonly fetchTypes: boolean
  readonly onNotice?: ((notice: postgres.Notice) => void) | undefined
}

const connectTimeoutMs = 5_000
const endTimeoutSeconds = 5

/** Connected and answering: a failure here means that no statement was sent. */
export const openConnection = (options: ConnectionOptions): Effect.Effect<SqlConnection, SqlFailure> =>
  Effect.callback((resume) => {
    const connection = make(options)
    const fail = (failure: SqlFailure) => {
      clearTimeout(timer)
      connection.drop()
      resume(Effect.fail(failure))
    }
    // Real time, here and below: sockets know no other clock.
    const timer = setTimeout(() => fail(new ConnectionLost({ code: "CONNECT_TIMEOUT" })), connectTimeoutMs)
    connection.driver`select 1`.then(
      () => {
        clearTimeout(timer)
        resume(Effect.succeed(connection))
      },
      (error) => fail(toFailure(error))
    )
    return Effect.sync(() => {
      clearTimeout(timer)
      connection.drop()
    })
  })

interface Address {
  readonly host: ReadonlyArray<string>
  readonly port: ReadonlyArray<number>
  readonly path?: string | false
}

/**
 * The driver lets go of a socket when it closes, and Bun may tell of a reset only after that: an error without a
 * listener ends the process. So one listener stays, whoever removes them all.
 */
const steadfast = ({ host, port, path }: Address): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = path ? connect(path) : connect(port[0] ?? 5432, host[0])
    const removeAll = socket.removeAllListeners.bind(socket)
    socket.removeAllListeners = (event?: string | symbol) => {
      if (event === undefined) removeAll()
      else removeAll(event)
      return socket.on("error", () => {})
    }
    socket.once("error", reject)
    socket.once("connect", () => {
      socket.removeListener("error", reject)
      resolve(socket)
    })
  })

const make = (options: ConnectionOptions): SqlConnection => {
  let lost = false
  const driver = postgres(options.url, {
    ...{ socket: steadfast }, // not in the driver's types
    max: 1,
    prepare: true,
    fetch_types: options.fetchTypes,
    types: { bigint: postgres.BigInt },
    connect_timeout: connectTimeoutMs / 1000,
    max_lifetime: null, // the driver would close it, also in the middle of our use
    onnotice: options.onNotice ?? (() => {}),
    onclose: () => {
      lost = true
    },
    connection: options.parameters
  })
  return {
    driver,
    isLost: () => lost,
    retire: () => {
      lost = true
    },
    drop: () => {
      lost = true
      void driver.end({ timeout: 0 }).catch(() => {})
    },
    end: Effect.promise(() => driver.end({ timeout: endTimeoutSeconds }).catch(() => {}))
  }
}
