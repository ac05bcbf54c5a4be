/** What becomes of dead letters, on any store: parked, asked for, brought back in order. */
import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { credit } from "../testing/tally.ts"
import type { Tried } from "./deadletter.ts"
import type { StoreFailure } from "./journal/store.ts"
import { type StoreUnderTest, trials } from "./journal/trial.contract.ts"
import { until, World } from "./redrive-world.contract.ts"

type Body = (world: World) => Effect.Effect<void, StoreFailure>

export const redriveContract = (name: string, makeStore: () => Promise<StoreUnderTest>): void => {
  const trial = trials(makeStore)
  const it = (title: string, body: Body) => trial(title, (opened) => body(new World(opened)))
  describe(`dead letters, ${name}`, () => {
    it("P84 a redrive hands over the dead message, then what waited behind it, in order, with the same ids", inOrder)
    it("P84 a redrive that fails stops that unit only, and the letter says so", failsAgain)
    it("P84 what fails behind the letter becomes the next letter; those before it are applied", failsBehind)
    it("F56 asked twice, asked late, applied meanwhile: nothing happens twice", idempotent)
    it("P84 a discarded letter is given up with its reason; what waited behind it goes on", discarded)
    it("a redrive that found the store away, and was done then, leaves the lane healthy", wellAgain)
    it("a defect is tried again once at every start, without being asked", atStart)
    it("a transient failure heals by itself; it is tried so often and no more", heals)
    it("two processes, one redrive: the queue is drained once, in order, and nothing slips past", twice)
    it("a long queue is drained in steps, and whoever comes meanwhile joins its tail", longQueue)
  })
}

const dead = (world: World, letters = 1) => until("dead", world.letters, ({ length }) => length === letters)
const open = (world: World, user = "ana") => until("open", world.unit(user), (unit) => unit?.status === "open")

const inOrder: Body = (world) =>
  world.life(() =>
    Effect.gen(function* () {
      const sent = ["1", "bad", "2", "3"].map((reference) => credit("ana", reference))
      yield* world.send(...sent, credit("bob", "other"))
      const [letter] = yield* dead(world)
      yield* until("bob", world.references("bob"), ({ length }) => length === 1)
      expect(yield* world.waiting).toEqual(["2", "3"])
      expect(yield* world.references("ana")).toEqual(["1"])
      world.broken.clear()
      yield* world.ask("RedriveUnit", letter!)
      yield* open(world)
      const events = yield* world.events("ana")
      expect(events.map(({ causationid }) => causationid)).toEqual(sent.map(({ id }) => id))
      expect(yield* world.waiting).toEqual([])
      const [after] = yield* world.letters
      expect(after).toMatchObject({ status: "redriven", tried: ["0 failed", "1 taken"], tenant: "t" })
      const [, taken] = JSON.parse(after!.history) as ReadonlyArray<Tried>
      expect(taken).toMatchObject({ actor: "operator:test", reason: "mended" })
      yield* world.send(credit("ana", "4"))
      yield* until("goes on", world.references("ana"), (seen) => seen.at(-1) === "4")
    })
  )

const failsAgain: Body = (world) =>
  world.life(() =>
    Effect.gen(function* () {
      yield* world.send(credit("ana", "bad"), credit("ana", "2"))
      const [letter] = yield* dead(world)
      yield* world.ask("RedriveUnit", letter!)
      const [again] = yield* until("failed again", world.letters, ([seen]) => seen?.redrives === 1)
      expect(again).toMatchObject({ id: letter!.id, status: "dead", tried: ["0 failed", "1 failed"] })
      expect([(yield* world.unit("ana"))?.status, yield* world.waiting]).toEqual(["parked", ["2"]])
      yield* world.send(credit("bob", "1"), credit("ana", "3"))
      yield* until("bob goes on", world.references("bob"), ({ length }) => length === 1)
      yield* until("ana waits", world.waiting, (seen) => seen.join() === "2,3")
      expect(yield* world.references("ana")).toEqual([])
    })
  )

const failsBehind: Body = (world) =>
  world.life(() =>
    Effect.gen(function* () {
      yield* world.send(...["bad", "2", "3", "worse", "5", "6"].map((reference) => credit("ana", reference)))
      const [letter] = yield* dead(world)
      world.broken.clear()
      world.broken.add("worse")
      yield* world.ask("RedriveUnit", letter!)
      const letters = yield* dead(world, 2)
      expect(letters.map(({ status, tried }) => [status, tried])).toEqual([
        ["redriven", ["0 failed", "1 taken"]],
        ["dead", ["1 failed"]]
      ])
      expect(yield* world.references("ana")).toEqual(["bad", "2", "3"])
      expect(yield* world.waiting).toEqual(["5", "6"])
      world.broken.clear()
      yield* world.ask("RedriveUnit", letters[1]!)
      yield* open(world)
      expect(yield* world.references("ana")).toEqual(["bad", "2", "3", "worse", "5", "6"])
    })
  )

const idempotent: Body = (world) =>
  world.life(() =>
    Effect.gen(function* () {
      const bad = credit("ana", "bad")
      yield* world.send(bad, credit("ana", "2"))
      const [letter] = yield* dead(world)
      world.broken.clear()
      // Handed over once more by another way, as a client who repeats a command does.
      expect((yield* world.submit({ message: bad }))._tag).toBe("Applied")
      yield* Effect.all([world.ask("RedriveUnit", letter!), world.ask("RedriveUnit", letter!)])
      yield* open(world)
      yield* world.ask("RedriveUnit", letter!)
      yield* world.ask("DiscardDeadLetter", letter!)
      yield* world.send(credit("ana", "3"))
      yield* until("goes on", world.references("ana"), ({ length }) => length > 2)
      expect(yield* world.references("ana")).toEqual(["bad", "2", "3"])
      expect((yield* world.letters).map(({ status, tried }) => [status, tried])).toEqual([
        ["redriven", ["0 failed", "1 taken"]]
      ])
    })
  )

const discarded: Body = (world) =>
  world.life(() =>
    Effect.gen(function* () {
      yield* world.send(...["1", "bad", "2", "3"].map((reference) => credit("ana", reference)))
      const [letter] = yield* dead(world)
      yield* world.ask("DiscardDeadLetter", letter!, "sent twice")
      yield* open(world)
      expect(yield* world.references("ana")).toEqual(["1", "2", "3"])
      const [after] = yield* world.letters
      expect(after).toMatchObject({ status: "discarded", tried: ["0 failed", "0 discarded"] })
      expect(after?.history).toContain("sent twice")
    })
  )

const atStart: Body = (world) =>
  Effect.gen(function* () {
    yield* world.life(() =>
      Effect.gen(function* () {
        yield* world.send(credit("ana", "bad"), credit("ana", "2"))
        yield* dead(world)
      })
    )
    yield* world.life(() => until("tried again", world.letters, ([seen]) => seen?.redrives === 1))
    world.broken.clear()
    yield* world.life(() => open(world))
    expect(yield* world.references("ana")).toEqual(["bad", "2"])
    const [letter] = yield* world.letters
    expect(letter).toMatchObject({ status: "redriven", tried: ["0 failed", "1 failed", "2 taken"] })
    expect(JSON.parse(letter!.history)[2]).toMatchObject({ actor: "service:wallet", reason: "start" })
  })

const heals: Body = (world) =>
  world.life(() =>
    Effect.gen(function* () {
      for (const reference of ["never", "soon"]) world.unstorable.add(reference)
      yield* world.send(credit("ana", "never"), credit("bob", "soon"), credit("bob", "2"))
      const letters = yield* dead(world, 2)
      expect(letters.map(({ error_class }) => error_class)).toEqual(["transient", "transient"])
      world.unstorable.delete("soon")
      yield* open(world, "bob")
      expect(yield* world.references("bob")).toEqual(["soon", "2"])
      const all = yield* until("given up", world.letters, (seen) => seen.some(({ redrives }) => redrives === 2))
      const stays = all.find(({ status }) => status === "dead")
      expect(stays).toMatchObject({ next_redrive_at: null, tried: ["0 failed", "1 failed", "2 failed"] })
      world.unstorable.clear()
      yield* world.ask("RedriveUnit", stays!)
      yield* open(world)
      expect(yield* world.references("ana")).toEqual(["never"])
    })
  )

const twice: Body = (world) =>
  world.life(
    () =>
      Effect.gen(function* () {
        const references = ["bad", ...Array.from({ length: 30 }, (_, n) => String(n))]
        for (const reference of references) yield* world.send(credit("ana", reference))
        const [letter] = yield* dead(world)
        world.broken.clear()
        yield* world.ask("RedriveUnit", letter!)
        for (let n = 30; n < 60; n++) yield* world.send(credit("ana", String(n)))
        yield* until("all of them", world.references("ana"), ({ length }) => length === 61)
        expect(yield* world.references("ana")).toEqual(["bad", ...Array.from({ length: 60 }, (_, n) => String(n))])
        expect([(yield* world.unit("ana"))?.status, yield* world.waiting]).toEqual(["open", []])
      }),
    2
  )

const wellAgain: Body = (world) =>
  world.life(() =>
    Effect.gen(function* () {
      yield* world.send(credit("ana", "bad"))
      const [letter] = yield* dead(world)
      world.broken.clear()
      world.away = 1
      yield* world.ask("RedriveUnit", letter!)
      yield* until("open and well", Effect.all([world.unit("ana"), Effect.sync(world.healthy)]), ([unit, healthy]) => {
        return unit?.status === "open" && healthy
      })
      expect([world.away, yield* world.references("ana")]).toEqual([-1, ["bad"]])
    })
  )

const longQueue: Body = (world) =>
  world.life(() =>
    Effect.gen(function* () {
      const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => String(from + n))
      yield* world.send(credit("ana", "bad"), ...numbers(0, 350).map((reference) => credit("ana", reference)))
      const [letter] = yield* dead(world)
      yield* until("all wait", world.waiting, ({ length }) => length === 350)
      world.broken.clear()
      yield* world.ask("RedriveUnit", letter!)
      yield* world.send(...numbers(350, 400).map((reference) => credit("ana", reference)))
      yield* until("all of them", world.references("ana"), ({ length }) => length === 401)
      expect(yield* world.references("ana")).toEqual(["bad", ...numbers(0, 400)])
    })
  )
