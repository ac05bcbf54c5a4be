/** The wallets a bench pays from. */
import postgres from "postgres"
import { openWallet, openWallets } from "./client.ts"
import type { Platform } from "./platform.ts"
import type { Bench } from "./run.ts"

const CREDIT = 100_000_000
const HOT_CREDIT = 1_000_000_000_000

export const seededBench = async (platform: Platform, count: number) => {
  const began = performance.now()
  const wallets = await openWallets(platform, count, CREDIT)
  const tookMs = performance.now() - began
  const hot = await openWallet(platform, "hot", HOT_CREDIT)
  const spare = await openWallet(platform, "spare", CREDIT)
  const bench: Bench = {
    platform,
    sql: postgres(platform.databaseUrl, { max: 1, connection: { application_name: "bench" } }),
    wallets,
    spare,
    credited: BigInt(count + 1) * BigInt(CREDIT) + BigInt(HOT_CREDIT),
    answeredCompleted: 0,
    broken: false
  }
  return { bench, hot, tookMs }
}
