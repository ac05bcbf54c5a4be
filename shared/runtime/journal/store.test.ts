import { testDatabase } from "../../../infra/testing/postgres.ts"
import { migrations, postgresUnderTest } from "./database.contract.ts"
import { Memory, memoryStore } from "./memory.ts"
import { partitionContract } from "./partitions.contract.ts"
import { planContract } from "./plans.contract.ts"
import { postgresContract } from "./postgres.contract.ts"
import { pruneContract } from "./prune.contract.ts"
import { storeContract } from "./store.contract.ts"
import type { StoreUnderTest } from "./trial.contract.ts"

const postgres = async () => postgresUnderTest(await testDatabase({ migrations: [migrations] }))

storeContract("Postgres", postgres)
postgresContract(postgres)
planContract(postgres)
partitionContract(testDatabase)
pruneContract(postgres)

storeContract("memory", async (): Promise<StoreUnderTest> => {
  const memory = new Memory()
  return {
    layer: memoryStore(memory),
    rows: async ({ name, key }) => {
      const keyOf = (row: (typeof rows)[number]) => key.map((column) => String(row[column])).join("/")
      const rows = [...memory.rows(name)]
      return rows.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
    },
    end: async () => {}
  }
})
