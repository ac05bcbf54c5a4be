import { expect, test } from "bun:test"
import { Effect, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { StoreUnavailable } from "./records.ts"
import { makeStreams, STREAMS_MAX } from "./streams.ts"
import { positionOf, START, Telling } from "./telling.ts"
import { listen, type Sent } from "./testing/sse.ts"
import { PAYMENT, story, stranger } from "./testing/story.ts"
import { WALLET, World } from "./testing/world.ts"

const it = (name: string, body: () => Effect.Effect<void, unknown, Scope.Scope>) =>
  test(name, () => Effect.runPromise(Effect.suspend(body).pipe(Effect.scoped, Effect.provide(TestClock.layer()))))

/** Clients read in promises of their own, which virtual time does not wait for. */
const pass = (duration: `${number} ${"millis" | "seconds" | "minutes"}`) =>
  Effect.andThen(
    TestClock.adjust(duration),
    Effect.promise(() => Bun.sleep(1))
  )

const TOLD = story.length - 1
const typesOf = (sent: ReadonlyArray<Sent>) => sent.map(({ event }) => event)
const whole = [...story.slice(0, TOLD).map(({ type }) => type), "notification", "end"]

const setUp = Effect.gen(function* () {
  const world = new World()
  world.addPayment({ id: PAYMENT })
  const streams = yield* makeStreams(world.store())
  const open = (from = START) => {
    const payment = world.payments.get(PAYMENT)
    if (payment === undefined) throw new Error("no payment")
    const telling = new Telling("default", { id: PAYMENT, user_id: "ana", wallet_id: WALLET })
    return streams.open(telling, payment, from)
  }
  const opened = (from = START) => {
    const body = open(from)
    if (body === undefined) throw new Error("not opened")
    return listen(body)
  }
  const happen = (from: number, to = story.length) => {
    world.events.push(...story.slice(from, to))
    if (to === story.length) world.addPayment({ id: PAYMENT, status: "COMPLETED", completed_at: 0, updated_at: 0 })
  }
  return { world, streams, open, opened, happen }
})

it("tells events as they happen, in order, then the notification, then the end, and closes", () =>
  Effect.gen(function* () {
    const { world, opened, happen } = yield* setUp
    const client = opened()
    world.events.push(stranger)
    for (let n = 0; n < TOLD; n++) {
      happen(n, n + 1)
      yield* pass("20 millis")
      expect(typesOf(client.sent())).toEqual(whole.slice(0, n + 1))
    }
    happen(TOLD)
    yield* pass("20 millis")
    expect(yield* Effect.promise(client.end)).toStartWith("retry: 1000\n\n")
    expect(typesOf(client.sent())).toEqual(whole)
    expect(client.sent().at(-1)?.data).toMatchObject({ id: PAYMENT, status: "COMPLETED" })
    expect(client.sent().at(-2)?.data).toMatchObject({ type: "UserNotified", data: { title: "Payment completed" } })
  }))

it("resumes at every event with exactly the rest", () =>
  Effect.gen(function* () {
    const { opened, happen } = yield* setUp
    happen(0)
    const first = opened()
    yield* pass("20 millis")
    const all = first.sent()
    expect(typesOf(all)).toEqual(whole)
    for (const [n, { id }] of all.slice(0, -1).entries()) {
      const again = opened(positionOf(id))
      yield* pass("20 millis")
      expect(again.sent()).toEqual(all.slice(n + 1))
      expect(again.heard.closed).toBe(true)
    }
  }))

it("what becomes visible late is told all the same, once", () =>
  Effect.gen(function* () {
    const { world, opened, happen } = yield* setUp
    const late = story.filter(({ stream }) => stream.startsWith("gateway"))
    world.events.push(...story.slice(0, 8))
    const client = opened()
    yield* pass("20 millis")
    world.events.push(...story.slice(10, 13))
    yield* pass("40 millis")
    const middle = client.sent().at(-1)
    yield* Effect.promise(client.leave)
    world.events.push(...late)
    happen(13)
    const again = opened(positionOf(middle?.id ?? ""))
    yield* pass("20 millis")
    const both = [...client.sent(), ...again.sent()].map(({ event }) => event)
    expect(both.toSorted()).toEqual(whole.toSorted())
  }))

it("asks once for all, less often while nothing happens, and never when nobody listens", () =>
  Effect.gen(function* () {
    const { world, opened } = yield* setUp
    yield* pass("5 minutes")
    expect(world.asked.unread).toBe(0)
    const clients = [opened(), opened(), opened()]
    yield* pass("20 millis")
    expect(world.asked.unread).toBe(1)
    yield* pass("10 seconds")
    const slow = world.asked.unread
    yield* pass("10 seconds")
    expect(world.asked.unread - slow).toBeWithin(15, 21)
    for (const client of clients) yield* Effect.promise(client.leave)
    yield* pass("20 millis")
    const left = world.asked.unread
    yield* pass("5 minutes")
    expect(world.asked.unread).toBe(left)
    expect(world.asked.ended).toBe(0)
  }))

it("a comment every 15 s, and after 5 minutes the client is asked to come again", () =>
  Effect.gen(function* () {
    const { opened } = yield* setUp
    const client = opened()
    yield* pass("46 seconds")
    expect(client.heard.text).toBe(`retry: 1000\n\n${": still here\n\n".repeat(3)}`)
    yield* pass("5 minutes")
    expect(client.heard.closed).toBe(true)
    expect(client.heard.text).toEndWith("retry: 1000\n\n")
  }))

it("a release closes all without an end, and whoever comes later", () =>
  Effect.gen(function* () {
    const { streams, opened, happen } = yield* setUp
    happen(0, 3)
    const client = opened()
    yield* pass("20 millis")
    streams.release()
    expect(yield* Effect.promise(client.end)).toEndWith("retry: 1000\n\n")
    expect(typesOf(client.sent())).toEqual(whole.slice(0, 3))
    expect(yield* Effect.promise(opened().end)).not.toContain("event:")
  }))

it("is bounded; a body that nobody reads takes no place", () =>
  Effect.gen(function* () {
    const { open, opened } = yield* setUp
    for (let n = 0; n < STREAMS_MAX + 1; n++) expect(open()).toBeDefined()
    const clients = Array.from({ length: STREAMS_MAX }, () => opened())
    yield* pass("20 millis")
    expect(open()).toBeUndefined()
    yield* Effect.promise(() => clients[0]?.leave() ?? Promise.resolve())
    expect(open()).toBeDefined()
  }))

it("ends without a notification that never comes, and outlives a store that is away", () =>
  Effect.gen(function* () {
    const { world, happen } = yield* setUp
    happen(0, TOLD)
    world.addPayment({ id: PAYMENT, status: "COMPLETED", completed_at: 0, updated_at: 0 })
    let away = true
    const store = world.store()
    const unread: typeof store.unread = (of, limit) =>
      Effect.suspend(() => (away ? new StoreUnavailable({ detail: "away" }) : store.unread(of, limit)))
    const streams = yield* makeStreams({ ...store, unread })
    const payment = world.payments.get(PAYMENT)
    if (payment === undefined) throw new Error("no payment")
    const body = streams.open(new Telling("default", payment), payment, START)
    if (body === undefined) throw new Error("not opened")
    const client = listen(body)
    yield* pass("2 seconds")
    expect([client.sent(), client.heard.closed]).toEqual([[], false])
    away = false
    yield* pass("1 seconds")
    expect(typesOf(client.sent())).toEqual(whole.slice(0, TOLD))
    yield* pass("3 seconds")
    expect(typesOf(client.sent())).toEqual(whole.filter((type) => type !== "notification"))
  }))
