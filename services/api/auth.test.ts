import { expect, test } from "bun:test"
import { Effect } from "effect"
import { hashOf, makeAuth } from "./auth.ts"
import type { ApiKeyRecord } from "./records.ts"

const make = () => {
  const stored = new Map<string, ApiKeyRecord>([
    [hashOf("good"), { id: "k1", tenant: "acme", scopes: "payments:read payments:write" }]
  ])
  let asked = 0
  const auth = makeAuth({
    apiKey: (hash) =>
      Effect.sync(() => {
        asked++
        return stored.get(hash)
      })
  })
  return { auth, stored, asked: () => asked }
}
const check = (auth: ReturnType<typeof makeAuth>, header: string | null, now = 0) =>
  Effect.runPromise(
    Effect.match(auth.check(header, "payments:write", now), {
      onFailure: (failure): unknown => failure,
      onSuccess: (principal): unknown => principal
    })
  )

test("a key gives its tenant, and is what events name as their actor", async () => {
  const { auth } = make()
  expect(await check(auth, "Bearer good")).toMatchObject({ tenant: "acme", actor: "key:k1" })
  expect(await check(auth, "bearer   good")).toMatchObject({ tenant: "acme" })
})

test("only its hash is looked up, and for five seconds once", async () => {
  const { auth, asked } = make()
  for (let now = 0; now < 5_000; now += 100) await check(auth, "Bearer good", now)
  expect(asked()).toBe(1)
  await check(auth, "Bearer good", 5_000)
  expect(asked()).toBe(2)
})

test("a revoked key ends within five seconds, and what is wrong is never remembered", async () => {
  const { auth, stored, asked } = make()
  await check(auth, "Bearer good")
  stored.clear()
  expect(await check(auth, "Bearer good", 5_000)).toMatchObject({ code: "UNAUTHENTICATED" })
  const before = asked()
  for (let i = 0; i < 3; i++) expect(await check(auth, "Bearer bad")).toMatchObject({ code: "UNAUTHENTICATED" })
  expect(asked() - before).toBe(3)
})

test("a missing scope is named", async () => {
  const { auth, stored } = make()
  stored.set(hashOf("reader"), { id: "k2", tenant: "acme", scopes: "payments:read" })
  expect(await check(auth, "Bearer reader")).toMatchObject({
    code: "FORBIDDEN",
    details: { required_scope: "payments:write" }
  })
})
