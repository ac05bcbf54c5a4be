/** Dead letters on both stores; and, where only the store in memory can be written so, messages nobody can read. */
import { testDatabase } from "../../infra/testing/postgres.ts"
import { migrations, postgresUnderTest } from "./journal/database.contract.ts"
import { Memory, memoryStore } from "./journal/memory.ts"
import type { StoreUnderTest } from "./journal/trial.contract.ts"
import { redriveContract } from "./redrive.contract.ts"

redriveContract("Postgres", async () => postgresUnderTest(await testDatabase({ migrations: [migrations] })))
redriveContract("memory", async (): Promise<StoreUnderTest> => {
  const memory = new Memory()
  const rows: StoreUnderTest["rows"] = async ({ name, key }) => {
    const place = (row: Readonly<Record<string, unknown>>) =>
      key.map((column) => String(row[column]).padStart(12, "0")).join("/")
    return [...memory.rows(name)].sort((a, b) => (place(a) < place(b) ? -1 : 1))
  }
  return { layer: memoryStore(memory), rows, end: async () => {} }
})
