import { expect, test } from "bun:test"
import fc from "fast-check"
import { credit } from "../testing/tally.ts"
import type { Waiting } from "./batch.ts"
import { Inbox } from "./inbox.ts"

const waiting = (user: string, n: number): Waiting => ({
  submission: { message: credit(user, String(n)) },
  reply: undefined
})
const named = ({ submission: { message } }: Waiting): string =>
  `${message.partitionkey.slice(2)} ${(message.data as { reference: string }).reference}`

test("P56 a key that fills the box leaves everybody else a share of the next batch", () => {
  const inbox = new Inbox()
  for (let n = 1; n <= 500; n++) inbox.push(waiting("hot", n))
  inbox.push(waiting("ana", 1))
  inbox.push(waiting("bob", 1))
  const batch = inbox.take(128).map(named)
  expect(batch).toHaveLength(128)
  expect(batch).toContain("ana 1")
  expect(batch).toContain("bob 1")
  expect(inbox.length).toBe(502 - 128)
})

test("what is put back comes first of its key", () => {
  const inbox = new Inbox()
  for (let n = 1; n <= 4; n++) inbox.push(waiting("ana", n))
  inbox.putBack(inbox.take(2))
  expect(inbox.take(10).map(named)).toEqual(["ana 1", "ana 2", "ana 3", "ana 4"])
  expect(inbox.length).toBe(0)
})

test("nothing is lost, nothing is taken twice, and the order within a key holds", () => {
  const users = fc.array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 60 })
  const takes = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 60 })
  fc.assert(
    fc.property(users, takes, (pushed, sizes) => {
      const inbox = new Inbox()
      const numbers = new Map<string, number>()
      const expected = new Map<string, Array<string>>()
      for (const user of pushed) {
        const n = (numbers.get(user) ?? 0) + 1
        numbers.set(user, n)
        inbox.push(waiting(user, n))
        expected.set(user, [...(expected.get(user) ?? []), `${user} ${n}`])
      }
      const taken = sizes.flatMap((size) => inbox.take(size).map(named))
      taken.push(...inbox.take(1_000).map(named))
      for (const [user, order] of expected) expect(taken.filter((name) => name.startsWith(user))).toEqual(order)
      expect([taken.length, inbox.length]).toEqual([pushed.length, 0])
    })
  )
})
