// Who met an open breaker, and who is remembered of them.
import { expect, test } from "bun:test"
import { Waiting } from "./waiting.ts"

const idsOf = (waiting: Waiting) => waiting.drain().map(([id]) => id)

test("woken in order, once; who was allowed elsewhere is not woken", () => {
  const waiting = new Waiting()
  for (const id of ["a", "b", "c", "a"]) waiting.refused(id, undefined)
  waiting.allowed("b")
  expect(idsOf(waiting)).toEqual(["c", "a"])
  expect(idsOf(waiting)).toEqual([])
})

test("bounded: the oldest wait for their timers", () => {
  const waiting = new Waiting(2)
  for (const id of ["a", "b", "c"]) waiting.refused(id, undefined)
  expect(idsOf(waiting)).toEqual(["b", "c"])
})
