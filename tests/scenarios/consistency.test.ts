/** Stored data that does not agree with itself is found, named, and mended where it follows from the events. */
import { afterAll, describe, expect, test } from "bun:test"
import { codeOf, paymentOf } from "./client.ts"
import { atRest, checksOf, told } from "./drift.ts"
import { startPlatform } from "./platform.ts"

const NOBODYS = "01935d6e-7c3a-7b1e-9a44-3f7c1f0f2a01"
const platform = await startPlatform({
  env: { SNAPSHOT_EVERY: "5", CONSISTENCY_INTERVAL_MS: "0", CONSISTENCY_BATCH: "20" }
})
const { api, sim, sql } = platform
const { verify, repair, last } = checksOf(platform)
afterAll(platform.stop)

const wallet = await api.open(100_000)
const { id: payment } = paymentOf(await api.pay(wallet.id, 1_000))
const refused = await api.pay(wallet.id, 900_000)
await sim.behaviour("stripe", { fault: "decline", code: "stolen_card", count: 1 })
const declined = await api.pay(wallet.id, 500)
await sim.behaviour("stripe", { fault: "reset-after", count: 1 })
await api.pay(wallet.id, 200)
const other = await api.open(5_000, "JPY")
await api.post(`/api/v1/wallets/${other.id}/lock`, { reason: "lost phone" })
const stream = `wallet-${wallet.id}`

test("10.5 a healthy platform: everything is looked at, nothing is found", async () => {
  expect([codeOf(refused), codeOf(declined)]).toEqual(["400 INSUFFICIENT_FUNDS", "402 PAYMENT_DECLINED"])
  expect(await atRest(platform)).toEqual([])
  expect((await last()).status).toBe("unverified")
  const report = await verify()
  expect(report.inconsistencies).toEqual([])
  expect(report).toMatchObject({ status: "ok", scope: "full", checked: { wallets: 2, payments: 4, sagas: 4 } })
  expect(report.checked.postings).toBeGreaterThan(8)
  expect(await last()).toEqual(report)
  expect((await verify({ scope: "recent" })).inconsistencies).toEqual([])
  expect((await verify({ streams: [stream] })).checked).toMatchObject({ wallets: 1, payments: 0 })
})

const balance = (by: number) =>
  `update wallet.wallets set balance = balance + ${by}, available = available + ${by} where id = '${wallet.id}'`
const status = (is: string) => `update payment.payments set status = '${is}' where id = '${payment}'`
const copied = (table: string, column: string, id: string) =>
  `insert into ${table} select (jsonb_populate_record(t, jsonb_build_object('${column}', '${id}'))).*
   from ${table} t where t.${column}::text = '${payment}' limit 1`
const body = (version: number, from: string, to: string, of = stream) =>
  `update journal.events set body = replace(body, '${from}', '${to}') where stream = '${of}' and version = ${version}`
/** An event that stands where it does not belong leaves a hole. */
const version = (from: number, to: number) =>
  `update journal.events set version = ${to} where stream = '${stream}' and version = ${from}`

interface Plant {
  readonly name: string
  readonly change: string
  /** What must be among the findings, named as a person reads it. */
  readonly finds: () => Promise<ReadonlyArray<string>> | ReadonlyArray<string>
  /** Takes the change back; absent: a repair does. */
  readonly back?: string
}

const shown = async () => (await api.wallet(wallet.id)).version

/** Follows from the events: repaired. */
const derived: ReadonlyArray<Plant> = [
  {
    name: "a wallet's balance",
    change: balance(1),
    finds: async () => [`row_differs ${stream}@${await shown()}`]
  },
  { name: "a payment's status", change: status("FAILED"), finds: () => [`row_differs payment-${payment}@3`] },
  {
    name: "a row that is stale: the first version it does not show",
    change: `update payment.payments set status = 'INITIATED', version = 1, provider = null, provider_reference = null,
      completed_at = null, updated_at = (select extract(epoch from (body::json ->> 'time')::timestamptz) * 1000
        from journal.events where stream = 'payment-${payment}' and version = 1) where id = '${payment}'`,
    finds: () => [`row_differs payment-${payment}@3`]
  },
  {
    name: "a saga's missing row",
    change: `delete from saga.sagas where payment_id = '${payment}'`,
    finds: () => [`row_missing saga-${payment}@1`]
  },
  {
    name: "a payment's progress, which two services write",
    change: `update payment.progress set state = 'GATEWAY_FALLBACK' where payment_id = '${payment}'`,
    finds: () => [`row_differs gateway-${payment}@1`]
  },
  {
    name: "an extra row",
    change: copied("payment.payments", "id", NOBODYS),
    finds: () => [`row_extra payment-${NOBODYS}`]
  },
  {
    name: "an extra attempt of a payment that there is",
    change: `insert into gateway.attempts select payment_id, 'paypal', 7, 'DECLINED', key, handle, provider_reference,
      code, amount, currency, started_at, updated_at from gateway.attempts where payment_id = '${payment}'`,
    finds: () => [`row_extra gateway-${payment}`]
  },
  {
    name: "an owner's extra row",
    change: `insert into wallet.owners values ('default', 'mallory', 'USD', '${wallet.id}')`,
    finds: () => [`row_extra ${stream}`]
  },
  {
    name: "a snapshot",
    change: `update journal.snapshots set state = replace(state, '"balance":"', '"balance":"1')
      where stream = '${stream}'`,
    finds: async () => {
      const [row] = await sql`select version from journal.snapshots where stream = ${stream}`
      return [`snapshot_differs ${stream}@${row?.["version"]}`]
    }
  }
]

describe("10.5 what follows from the events is found, named and made anew", () => {
  for (const { name, change, finds } of derived)
    test(name, async () => {
      await sql.unsafe(change)
      const expected = await finds()
      const { inconsistencies } = await verify()
      expect(inconsistencies.map(told)).toEqual(expect.arrayContaining([...expected]))
      expect(inconsistencies.filter(({ repairable }) => repairable)).toHaveLength(expected.length)
      const { corrected, refused: left, report } = await repair({})
      expect([corrected.length, left, report.inconsistencies]).toEqual([expected.length, [], []])
      expect((await verify()).inconsistencies).toEqual([])
    })
})

test("10.5 what a processor remembers is compared too: evicted, and read anew", async () => {
  // Body and row agree; only the memory is from before.
  await sql.unsafe(body(1, '"currency":"JPY"', '"currency":"KRW"', `wallet-${other.id}`))
  await sql.unsafe(body(2, '"currency":"JPY"', '"currency":"KRW"', `wallet-${other.id}`))
  for (const table of ["wallet.wallets where id", "wallet.owners where wallet_id"])
    await sql.unsafe(`update ${table.replace(" where", " set currency = 'KRW' where")} = '${other.id}'`)
  await sql`update ledger.postings set currency = 'KRW' where destination = ${`wallet:${other.id}`}`
  const { inconsistencies } = await verify()
  expect(inconsistencies.map(told)).toEqual([`memory_differs wallet-${other.id}@3`])
  const { corrected } = await repair({ streams: [`wallet-${other.id}`] })
  expect(corrected).toMatchObject([{ stream: `wallet-${other.id}`, table: "memory" }])
  expect((await verify()).inconsistencies).toEqual([])
  // The edge still knows it as JPY; the wallet itself would have taken them a moment ago.
  expect(codeOf(await api.credit(other.id, 1, { currency: "JPY" }))).toBe("400 CURRENCY_MISMATCH")
})

test("10.5 a repair is in the log: what was corrected and why, and who asked for it", async () => {
  const events = await sql<Array<{ body: string }>>`
    select body from journal.events where type = 'ReadModelCorrected' order by body::json ->> 'time'`
  expect(events.length).toBeGreaterThanOrEqual(derived.length)
  const tables = events.map(({ body }) => JSON.parse(body))
  expect(tables.map(({ data }) => data.table)).toEqual(
    expect.arrayContaining(["wallet.wallets", "payment.payments", "saga.sagas", "journal.snapshots", "memory"])
  )
  expect(tables[0]).toMatchObject({
    actor: "operator:development",
    data: { stream, before: expect.stringContaining("98801"), reason: "planted by a test" }
  })
  const audit = JSON.parse((await api.get("/api/v1/ops/audit?action=consistency.repair")).text)
  expect(audit.data[0]).toMatchObject({ outcome: "applied", target: `wallet-${other.id}`, after: { corrected: 1 } })
  // A wrong row makes sums differ as well.
  const detected = await platform.metric("inconsistencies_detected_total")
  expect(detected).toBeGreaterThan(derived.length)
  expect(await platform.metric("inconsistencies_resolved_total")).toBe(detected)
  expect(await platform.metric("events_replayed_total")).toBeGreaterThan(0)
  expect(await platform.metric("consistency_last_verification_inconsistencies")).toBe(0)
})

/** Events and postings: told to a person, and left alone. */
const damaged: ReadonlyArray<Plant & { readonly back: string }> = [
  {
    name: "a deleted posting",
    change: `create table lost as select * from ledger.postings where payment_id = '${payment}' and kind = 'deduct';
      delete from ledger.postings where payment_id = '${payment}' and kind = 'deduct'`,
    finds: () => [`posting_missing ${stream}@4`, `account_differs ${stream}`, "clearing_differs payments:clearing"],
    back: "insert into ledger.postings select * from lost; drop table lost"
  },
  {
    name: "a posting that no event made",
    change: `insert into ledger.postings select id, source, destination, 5, currency, 'gift', payment_id, ref, stream,
      version, time from ledger.postings where payment_id = '${payment}' and kind = 'deduct'`,
    finds: () => [`posting_extra ${stream}@4`],
    back: "delete from ledger.postings where kind = 'gift'"
  },
  {
    name: "an amount in an event's body",
    change: body(2, '"amount":"100000"', '"amount":"100001"'),
    finds: () => [`posting_differs ${stream}@2`, `balance_breaks ${stream}@2`],
    back: body(2, '"amount":"100001"', '"amount":"100000"')
  },
  {
    name: "a balance in an event's body, though later events say what is right",
    change: body(2, '"balance":"100000"', '"balance":"100009"'),
    finds: () => [`balance_breaks ${stream}@2`],
    back: body(2, '"balance":"100009"', '"balance":"100000"')
  },
  {
    name: "an event nobody can read",
    change: body(3, '"data"', '"date"'),
    finds: () => [`event_unreadable ${stream}@3`],
    back: body(3, '"date"', '"data"')
  },
  {
    name: "a hole in a stream",
    change: version(3, 99),
    finds: () => [`version_hole ${stream}@3`],
    back: version(99, 3)
  },
  {
    name: "a payment that is completed without a kept charge",
    change: `update ledger.postings set kind = 'lost' where payment_id = '${payment}' and kind = 'charge'`,
    finds: () => [`money_incomplete payment-${payment}@3`],
    back: "update ledger.postings set kind = 'charge' where kind = 'lost'"
  }
]

describe("10.5 damage to events and postings is found and named, and no repair touches it", () => {
  for (const { name, change, finds, back } of damaged)
    test(name, async () => {
      await sql.unsafe(change)
      const { inconsistencies, status: is } = await verify()
      expect(is).toBe("inconsistent")
      expect(inconsistencies.map(told)).toEqual(expect.arrayContaining([...(await finds())]))
      expect(inconsistencies.filter(({ repairable, kind }) => repairable && kind !== "memory_differs")).toEqual([])
      const { refused: left } = await repair({ streams: [stream, `payment-${payment}`] })
      expect(left.length).toBeGreaterThan(0)
      await sql.unsafe(back)
      expect((await verify()).inconsistencies).toEqual([])
    })
})

test("10.5 a charge in the provider's ledger that nobody knows", async () => {
  const url = /simulated at (http:\S+)/.exec(platform.printed())?.[1] ?? ""
  const form = { amount: "700", currency: "usd", confirm: "true", payment_method: "pm_card_visa" }
  const charged = await fetch(`${url}/v1/payment_intents`, {
    method: "POST",
    headers: { authorization: "Bearer sk_test_simulator", "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ ...form, "metadata[payment_id]": NOBODYS })
  })
  expect([charged.status, (await sim.ledger(NOBODYS)).length]).toEqual([200, 1])
  const { inconsistencies } = await verify()
  expect(inconsistencies.map(told)).toEqual([`provider_differs gateway-${NOBODYS}`])
  expect(inconsistencies[0]?.detail).toContain("stripe has 700 USD")
})

test("10.5 a repair needs a reason, and its body is checked", async () => {
  const repairs = (body: unknown) => api.post("/api/v1/ops/consistency/repair", body)
  expect(codeOf(await repairs({}))).toBe("400 INVALID_REQUEST")
  expect(codeOf(await repairs({ reason: "x", streams: ["'; drop table"] }))).toBe("400 INVALID_REQUEST")
  expect(codeOf(await api.post("/api/v1/ops/consistency/verify", { scope: "some" }))).toBe("400 INVALID_REQUEST")
})
