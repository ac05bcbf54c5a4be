/** Writes to try a store with: real messages, numbered per partition as the journal numbers them. */
import { randomUUID } from "node:crypto"
import type { Message } from "../../contract/envelope.ts"
import { topicPartition } from "../../contract/topics.ts"
import type { Table } from "../decider.ts"
import { type CommandRow, type EventRow, emptyWrite, type PostingRow, type SnapshotRow, type Write } from "./store.ts"

export const key = "acme/ana"
export const eventsOf = (of = key) => topicPartition("wallet-events", of)
export const commandsOf = (of = key) => topicPartition("wallet-commands", of)
const time = Date.UTC(2026, 10, 25)

const message = (type: string, subject: string, causationid: string, reason: string, of: string): Message => ({
  id: randomUUID(),
  type,
  subject,
  time,
  tenant: "acme",
  partitionkey: of,
  correlationid: subject,
  causationid,
  actor: "service:wallet",
  schema: 1,
  data: { wallet_id: subject, reason }
})

export interface EventOptions {
  readonly of?: string
  readonly cause?: string
  readonly n?: number
  readonly reason?: string
}

export const event = (stream: string, version: number, options: EventOptions = {}): EventRow => {
  const { of = key, cause = randomUUID(), n = 0, reason = "test" } = options
  return {
    message: message("WalletLocked", stream, cause, reason, of),
    version,
    cause,
    n,
    tp: eventsOf(of),
    ordinal: 0
  }
}

export const command = (stream: string, of = key): CommandRow => ({
  message: message("LockWallet", stream, randomUUID(), "test", of),
  tp: commandsOf(of),
  ordinal: 0
})

export const posting = (payment_id: string, ref = "", amount = 5n): PostingRow => ({
  id: randomUUID(),
  source: "wallet:a",
  destination: "payments:clearing",
  amount: amount as PostingRow["amount"],
  currency: "USD" as PostingRow["currency"],
  kind: "deduct",
  payment_id,
  ref,
  stream: "wallet-a",
  version: 1,
  time
})

export const timer = (stream: string, due_at: number) => ({
  stream,
  tp: commandsOf(),
  due_at,
  partitionkey: key,
  correlationid: stream
})

export const snapshot = (stream: string, version: number, schema: number, state: unknown): SnapshotRow => ({
  stream,
  tp: eventsOf(),
  version,
  schema,
  time,
  state
})

export const walletWrite = (given: Partial<Write>): Write => {
  const next = new Map<number, number>()
  const numbered = <R extends EventRow | CommandRow>(row: R): R => {
    const ordinal = next.get(row.tp) ?? 0
    next.set(row.tp, ordinal + 1)
    return { ...row, ordinal }
  }
  const events = (given.events ?? []).map(numbered)
  const commands = (given.commands ?? []).map(numbered)
  return { ...emptyWrite("wallet"), ...given, events, commands }
}

const table = (name: string, write: Table["write"], columns: Table["columns"], key: ReadonlyArray<string>): Table => ({
  name: `trial.${name}`,
  write,
  columns,
  key
})
export const balances = table("balances", "replace", { id: "text", balance: "bigint", note: "text" }, ["id"])
export const progress = table("progress", "rank", { id: "text", rank: "int", step: "text" }, ["id"])
export const keys = table("keys", "insert", { tenant: "text", key: "text", open: "boolean" }, ["tenant", "key"])
export const guarded = table("guarded", "guarded", { id: "text", version: "bigint", was: "bigint" }, ["id"])
export const unguarded: Table = { ...guarded, columns: { id: "text" }, write: "delete" }
/** A row here makes the commit slow, in a store that has commits. */
export const slow = table("slow", "insert", { id: "uuid" }, ["id"])

/** The tables of the suite, for a store that needs to be told. */
export const trialTables = `
  create schema trial;
  create table trial.balances (id text primary key, balance bigint not null check (balance >= 0), note text);
  create table trial.progress (id text primary key, rank int not null, step text not null);
  create table trial.keys (tenant text, key text, open boolean not null,
    constraint keys_once primary key (tenant, key));
  create table trial.guarded (id text primary key, version bigint not null, was bigint not null);
  create table trial.slow (id uuid primary key);
  create function trial.linger() returns trigger language plpgsql as
    $$ begin perform pg_sleep(random() * 0.01); return null; end $$;
  create constraint trigger linger after insert on trial.slow deferrable initially deferred
    for each row execute function trial.linger()`
