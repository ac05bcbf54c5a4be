/** The store in Postgres as the suite wants it: a database of its own, with the suite's tables. */
import { fileURLToPath } from "node:url"
import postgres from "postgres"
import type { Row, Table } from "../decider.ts"
import { postgresStoreFrom } from "./postgres.ts"
import { trialTables } from "./samples.contract.ts"
import type { StoreUnderTest } from "./trial.contract.ts"

export interface PostgresUnderTest extends StoreUnderTest {
  readonly url: string
  /** An operator's connection, beside the store's. */
  readonly sql: postgres.Sql<{ bigint: bigint }>
}

export const migrations = { service: "journal", dir: fileURLToPath(new URL("migrations", import.meta.url)) }

/** A database of a test; shared code knows no server, so the test brings it. */
export interface Database {
  readonly url: string
  readonly drop: () => Promise<void>
}

export const postgresUnderTest = async (database: Database): Promise<PostgresUnderTest> => {
  const sql = postgres(database.url, { max: 2, types: { bigint: postgres.BigInt }, onnotice: () => {} })
  await sql.unsafe(trialTables)
  const columnsOf = (table: Table) => Object.keys(table.columns).join(", ")
  return {
    url: database.url,
    sql,
    layer: postgresStoreFrom({ url: database.url }),
    rows: async (table) => {
      const rows = await sql.unsafe<Array<Row>>(
        `select ${columnsOf(table)} from ${table.name} order by ${table.key.join(", ")}`
      )
      return rows.map((row) => ({ ...row }))
    },
    end: async () => {
      await sql.end()
      await database.drop()
    }
  }
}
