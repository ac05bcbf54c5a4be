/** What Postgres is started with. Given on the command line each time, so a changed default needs no new data. */

export interface PostgresSettings {
  /** Off only for tests: everything is lost with the machine, and creating databases is several times faster. */
  readonly durable: boolean
  readonly sharedBuffers: string
  readonly maxConnections: number
  /** No statement or idle transaction may hold locks for longer; a migration lifts this for itself. */
  readonly statementTimeoutMs: number
  readonly idleInTransactionTimeoutMs: number
}

export const defaultSettings: PostgresSettings = {
  durable: true,
  sharedBuffers: "512MB",
  maxConnections: 100,
  statementTimeoutMs: 60_000,
  idleInTransactionTimeoutMs: 30_000
}

export const serverArguments = (settings: PostgresSettings, port: number): ReadonlyArray<string> =>
  Object.entries({
    listen_addresses: "127.0.0.1",
    port,
    unix_socket_directories: "", // a path below DATA_DIR may be longer than the 107 bytes a socket's name may have
    shared_buffers: settings.sharedBuffers,
    max_connections: settings.maxConnections,
    max_wal_size: "4GB",
    fsync: onOff(settings.durable),
    synchronous_commit: onOff(settings.durable),
    full_page_writes: onOff(settings.durable),
    statement_timeout: settings.statementTimeoutMs,
    idle_in_transaction_session_timeout: settings.idleInTransactionTimeoutMs,
    client_connection_check_interval: "1s", // a statement whose client is gone would hold its locks to the end
    timezone: "UTC",
    log_timezone: "UTC",
    log_line_prefix: "%m [%p] %a ",
    jit: "off"
  }).flatMap(([name, value]) => ["-c", `${name}=${value}`])

const onOff = (on: boolean) => (on ? "on" : "off")

export const userName = "wallet"
export const databaseName = "wallet"
export const passwordFile = "wallet.password" // inside Postgres' own folder, so that both appear and go together
