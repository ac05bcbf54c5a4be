/** What a test demands of rounds that were played: none failed, nothing was found when all was over. */
import { expect } from "bun:test"
import type { Verdict } from "./rounds.ts"

/** Printed with every verdict; `KILL_SEED` plays the same rounds again. */
export const seed = Number(process.env["KILL_SEED"] ?? Math.floor(performance.timeOrigin))
export const ROUND_MS_MAX = 30_000

export const judged = ({ rounds, found, skips, asked }: Verdict): void => {
  for (const skip of skips) console.log(`skipped: ${skip}`)
  const ready = rounds.flatMap(({ readyMs }) => readyMs ?? []).sort((a, b) => a - b)
  console.log(`seed ${seed}: ${rounds.length} kills, ${asked} requests, ready in ${Math.round(ready.at(-1) ?? 0)} ms`)
  expect(rounds.filter(({ failure }) => failure !== undefined)).toEqual([])
  expect(found).toEqual([])
}
