/** Transfers and withdrawals of one tenant do not exist for another, nor do they reach its wallets. */
import { afterAll, expect, test } from "bun:test"
import { EXAMPLE } from "../../shared/contract/catalogue.ts"
import { transfer, withdrawal } from "./examples-money.ts"
import { transferWith, withdrawalWith } from "./testing/money.ts"
import { KEY, OTHER_KEY, READ_KEY, startApi, WALLET, World } from "./testing/world.ts"

const THEIRS = transfer.asks.destination_wallet_id
const ID = EXAMPLE.other
const world = new World()
world.addWallet({ id: WALLET })
world.addWallet({ id: THEIRS, tenant: "other", user_id: "bob" })
world.money.transfers.set(ID, transferWith({ id: ID }))
world.money.withdrawals.set(ID, withdrawalWith({ id: ID }))
const { call, stop } = await startApi(world)
afterAll(stop)

let keys = 0
const ask = async (key: string, method: string, path: string, body?: object) => {
  const headers = { "content-type": "application/json", "idempotency-key": `money-${++keys}` }
  const init = body === undefined ? { key } : { key, headers, body: JSON.stringify(body) }
  const answer = await call(method, `/api/v1${path}`, init)
  const told = (await answer.json()) as { readonly error?: { readonly code: string } }
  return `${answer.status} ${told.error?.code ?? ""}`.trim()
}
const reason = { reason: "paid" }
const CASES: ReadonlyArray<
  readonly [key: string, method: string, path: string, body: object | undefined, then: string]
> = [
  [KEY, "GET", `/transfers/${ID}`, undefined, "200"],
  [OTHER_KEY, "GET", `/transfers/${ID}`, undefined, "404 TRANSFER_NOT_FOUND"],
  [KEY, "POST", "/transfers", transfer.asks, "404 WALLET_NOT_FOUND"],
  [OTHER_KEY, "POST", "/transfers", transfer.asks, "404 WALLET_NOT_FOUND"],
  [READ_KEY, "POST", "/transfers", transfer.asks, "403 FORBIDDEN"],
  [KEY, "GET", `/withdrawals/${ID}`, undefined, "200"],
  [OTHER_KEY, "GET", `/withdrawals/${ID}`, undefined, "404 WITHDRAWAL_NOT_FOUND"],
  [OTHER_KEY, "GET", `/wallets/${WALLET}/withdrawals`, undefined, "404 WALLET_NOT_FOUND"],
  [OTHER_KEY, "POST", `/wallets/${WALLET}/withdrawals`, withdrawal.asks, "404 WALLET_NOT_FOUND"],
  [READ_KEY, "POST", `/wallets/${WALLET}/withdrawals`, withdrawal.asks, "403 FORBIDDEN"],
  [OTHER_KEY, "POST", `/ops/withdrawals/${ID}/settle`, reason, "404 WITHDRAWAL_NOT_FOUND"],
  [OTHER_KEY, "POST", `/ops/withdrawals/${ID}/fail`, reason, "404 WITHDRAWAL_NOT_FOUND"],
  [READ_KEY, "POST", `/ops/withdrawals/${ID}/settle`, reason, "403 FORBIDDEN"],
  [OTHER_KEY, "GET", `/wallets/${WALLET}/statement`, undefined, "404 WALLET_NOT_FOUND"],
  [READ_KEY, "GET", `/wallets/${WALLET}/statement`, undefined, "200"]
]
const WHO: Readonly<Record<string, string>> = {
  [KEY]: "the owner",
  [OTHER_KEY]: "another tenant",
  [READ_KEY]: "a reader"
}
for (const [key, method, path, body, then] of CASES)
  test(`${WHO[key]}: ${method} ${path} is ${then}`, async () => {
    expect(await ask(key, method, path, body)).toBe(then)
    expect(world.submitted.filter(({ message }) => /Transfer|Withdrawal/.test(message.type))).toEqual([])
  })
