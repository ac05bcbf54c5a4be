/** Dead letters on both stores; what is kept of the unreadable, and what heals by itself. */
import { expect, test } from "bun:test"
import { Result } from "effect"
import { testDatabase } from "../../infra/testing/postgres.ts"
import { decode, encodeEvent } from "../contract/codec.ts"
import { credit } from "../testing/tally.ts"
import { bodyOf } from "./deadletter.ts"
import { classOf, nextRedriveAt } from "./deadletter-classes.ts"
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

test("F56 an event nobody can read is kept whole: a version that knows its type can read the letter", () => {
  const event = { ...credit("ana", "1"), type: "WalletLocked", data: { wallet_id: "ana", reason: "lost" } }
  const { id, subject, causationid } = event
  const unknown = decode(encodeEvent(event), { id, type: "NotYetKnown", subject, causationid })
  if (Result.isSuccess(unknown)) throw new Error("it can be read")
  const body = bodyOf({ message: undefined, undecodable: unknown.failure })
  const read = decode(body.replace("NotYetKnown", "WalletLocked"))
  expect(Result.getOrThrow(read)).toEqual(event)
})

test("classes: what heals by itself, and what cannot", () => {
  const classes = [
    ["decode", "", "decode"],
    ["23514", 'no partition of relation "payments" found for row', "transient"],
    ["23514", "violates check constraint", "data"],
    ["22021", "invalid byte sequence", "data"],
    ["40001", "could not serialize access", "transient"],
    ["53100", "disk full", "transient"],
    ["57014", "canceling statement", "transient"]
  ] as const
  for (const [code, detail, expected] of classes) expect([code, classOf(code, detail)]).toEqual([code, expected])
})

test("tries by itself: named many, each four times as late as the one before; other classes have none", () => {
  const settings = { redrivesMax: 3, backoffMs: 5_000 }
  expect([0, 1, 2, 3].map((n) => nextRedriveAt("transient", n, 0, settings))).toEqual([5_000, 20_000, 80_000, null])
  for (const errorClass of ["decode", "defect", "data", "crash"] as const)
    expect(nextRedriveAt(errorClass, 0, 0, settings)).toBeNull()
})
