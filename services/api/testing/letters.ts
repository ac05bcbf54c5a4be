/** Dead letters in the unit tests' world: enough to look at them, and what was asked for. */
import { Effect } from "effect"
import { EXAMPLE } from "../../../shared/contract/catalogue.ts"
import type { Addressed } from "../../../shared/runtime/sending.ts"
import type { LetterRecord, Letters } from "../letters/records.ts"

const TIME = Date.parse(EXAMPLE.time)
const error = "decider defect: no"

export const letterWith = (letter: Partial<LetterRecord> & { readonly id: string }): LetterRecord => ({
  service: "wallet",
  unit: `wallet-${EXAMPLE.wallet}`,
  tenant: "default",
  topic: "wallet-commands",
  tp: 448,
  off: 3,
  message_id: EXAMPLE.payment,
  type: "LockWallet",
  error_class: "defect",
  error,
  history: JSON.stringify([{ at: EXAMPLE.time, outcome: "failed", redrive: 0, error_class: "defect", error }]),
  body: "this is no message",
  status: "dead",
  redrives: 0,
  next_redrive_at: null,
  created_at: TIME,
  updated_at: TIME,
  unit_status: "parked",
  waiting: 2,
  ...letter
})

export class LettersWorld {
  readonly letters = new Map<string, LetterRecord>()
  readonly asked: Array<Addressed> = []

  store = (): Letters["Service"] => ({
    find: ({ tenant, service, status, unit, error_class, ids, order, after, limit }) =>
      Effect.sync(() => {
        const sign = order === "newest" ? -1 : 1
        const behind = (id: string) => after === undefined || (order === "newest" ? id < after : id > after)
        return [...this.letters.values()]
          .filter((letter) => letter.tenant === tenant && behind(letter.id))
          .filter((letter) => (service ?? letter.service) === letter.service && (unit ?? letter.unit) === letter.unit)
          .filter((letter) => (status ?? letter.status) === letter.status)
          .filter((letter) => (error_class ?? letter.error_class) === letter.error_class)
          .filter((letter) => ids === undefined || ids.includes(letter.id))
          .sort((a, b) => (a.id < b.id ? -sign : sign))
          .slice(0, limit)
      }),
    one: (tenant, id) =>
      Effect.sync(() => {
        const letter = this.letters.get(id)
        return letter?.tenant === tenant ? letter : undefined
      }),
    tail: () => Effect.succeed([]),
    ask: (asks) => Effect.sync(() => void this.asked.push(...asks))
  })
}
