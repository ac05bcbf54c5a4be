/** Over a real socket: what only a real client does, and how the server goes down. */
import { afterAll, expect, test } from "bun:test"
import { connect } from "node:net"
import { ConfigProvider, Effect, Layer, ManagedRuntime } from "effect"
import { Commands } from "../../shared/runtime/commands.ts"
import { Ids } from "../../shared/runtime/ids.ts"
import { Webhooks } from "../../shared/runtime/webhooks.ts"
import { Api } from "./app.ts"
import { Letters } from "./letters/records.ts"
import { OpsStore } from "./ops/records.ts"
import { Readiness } from "./readiness.ts"
import { Store } from "./records.ts"
import { ApiServer } from "./server.ts"
import { listen } from "./testing/sse.ts"
import { PAYMENT, story } from "./testing/story.ts"
import { KEY, WALLET, World } from "./testing/world.ts"

const start = async (world: World) => {
  world.addWallet({ id: WALLET })
  const behind = Layer.mergeAll(
    Layer.succeed(Commands, world.commands()),
    Layer.succeed(Webhooks, world),
    Layer.succeed(Store, world.store()),
    Layer.succeed(OpsStore, world.operators.store()),
    Layer.succeed(Letters, world.letters.store()),
    world.operators.checks,
    Ids.layer,
    Readiness.layer
  )
  const settings = ConfigProvider.layer(ConfigProvider.fromEnvRecord({ HTTP_PORT: "0" }))
  const api = Layer.provideMerge(Api.layerFrom({ tracing: false }), behind)
  const runtime = ManagedRuntime.make(Layer.provideMerge(ApiServer.layer.pipe(Layer.provide(settings)), api))
  const [{ url, port }, readiness] = await runtime.runPromise(
    Effect.gen(function* () {
      return [yield* ApiServer, yield* Readiness] as const
    })
  )
  readiness.enter("running")
  return { url, port, stop: () => runtime.dispose() }
}
const order = { wallet_id: WALLET, amount: 100000, currency: "USD", merchant_id: "book-shop" }
const pay = (url: string, prefer: string, body: BunFetchRequestInit["body"] = JSON.stringify(order)) =>
  fetch(`${url}/api/v1/payments`, {
    method: "POST",
    body,
    headers: {
      authorization: `Bearer ${KEY}`,
      "content-type": "application/json",
      "idempotency-key": crypto.randomUUID(),
      prefer
    }
  })

const world = new World()
const server = await start(world)
afterAll(server.stop)

test("pays, and refuses what is too large whether announced or not", async () => {
  expect((await pay(server.url, "wait=1")).status).toBe(201)
  const before = world.submitted.length
  const large = "a".repeat(1 << 20)
  const unannounced = new ReadableStream({
    start(controller) {
      for (let i = 0; i < 64; i++) controller.enqueue(new Uint8Array(16 * 1024).fill(32))
      controller.close()
    }
  })
  for (const body of [large, unannounced]) {
    const response = await pay(server.url, "wait=1", body)
    expect(response.status).toBe(413)
    expect(response.headers.get("content-type")).toBe("application/problem+json")
  }
  expect(world.submitted.length).toBe(before)
})

test("a client that leaves in the middle stops nothing that moves money", async () => {
  world.outcome = { status: "INITIATED" }
  let open = () => {}
  world.gate = new Promise((resolve) => {
    open = () => resolve()
  })
  const before = world.payments.size
  const body = JSON.stringify(order)
  const socket = connect(server.port, "127.0.0.1")
  socket.write(
    `POST /api/v1/payments HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${KEY}\r\ncontent-type: application/json\r\n` +
      `idempotency-key: leaves\r\ncontent-length: ${body.length}\r\n\r\n${body}`
  )
  await Bun.sleep(50)
  socket.destroy()
  await Bun.sleep(50)
  open()
  await Bun.sleep(50)
  expect(world.payments.size).toBe(before + 1)
})

test("a body that ends early is a client's mistake", async () => {
  const before = world.submitted.length
  const socket = connect(server.port, "127.0.0.1")
  socket.write(
    `POST /api/v1/payments HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${KEY}\r\ncontent-type: application/json\r\n` +
      `idempotency-key: cut\r\ncontent-length: 100\r\n\r\n{"wallet_id":`
  )
  await Bun.sleep(50)
  socket.destroy()
  await Bun.sleep(50)
  expect(world.submitted.length).toBe(before)
  expect((await fetch(`${server.url}/ready`)).status).toBe(200)
})

test("going down: no new requests, those in flight are answered", async () => {
  const world = new World()
  world.outcome = { status: "INITIATED" }
  const { url, stop } = await start(world)
  const waiting = pay(url, "wait=30")
  await Bun.sleep(50)
  const began = performance.now()
  const stopped = stop()
  await Bun.sleep(50)
  const [id] = world.payments.keys()
  world.addPayment({ id: id as string, status: "COMPLETED" })
  expect((await waiting).status).toBe(201)
  await stopped
  expect(performance.now() - began).toBeLessThan(2_000)
  expect(await fetch(url).catch(() => "refused")).toBe("refused")
})

const streamOf = async (url: string, init: RequestInit = {}) =>
  await fetch(`${url}/api/v1/payments/${PAYMENT}/stream`, { headers: { authorization: `Bearer ${KEY}` }, ...init })

test("a stream over the wire: told as it happens, let go when its client leaves, never opened by a HEAD", async () => {
  const world = new World()
  world.addPayment({ id: PAYMENT })
  const { url, stop } = await start(world)
  expect((await streamOf(url, { method: "HEAD" })).status).toBe(200)
  await Bun.sleep(60)
  expect(world.asked.unread).toBe(0)
  const leaving = new AbortController()
  const client = listen((await streamOf(url, { signal: leaving.signal })).body as ReadableStream<Uint8Array>)
  world.events.push(...story.slice(0, 2))
  await Bun.sleep(100)
  expect(client.sent().map(({ event }) => event)).toEqual(["PaymentInitiated", "SagaStarted"])
  leaving.abort()
  await client.end().catch(() => "aborted")
  await Bun.sleep(200)
  const left = world.asked.unread
  await Bun.sleep(700)
  expect(world.asked.unread).toBe(left)
  await stop()
})

test("going down: streams end at once, with a hint when to come again", async () => {
  const world = new World()
  world.addPayment({ id: PAYMENT })
  const { url, stop } = await start(world)
  const client = listen((await streamOf(url)).body as ReadableStream<Uint8Array>)
  await Bun.sleep(50)
  const began = performance.now()
  const stopped = stop()
  expect(await client.end()).toBe("retry: 1000\n\n".repeat(2))
  await stopped
  expect(performance.now() - began).toBeLessThan(1_000)
})

test("going down: who waits too long gets the payment as it stands", async () => {
  const world = new World()
  world.outcome = { status: "INITIATED" }
  const { url, stop } = await start(world)
  const waiting = pay(url, "wait=30")
  await Bun.sleep(50)
  const began = performance.now()
  await stop()
  expect((await waiting).status).toBe(202)
  expect(performance.now() - began).toBeLessThan(9_000)
}, 20_000)
