/** A scenario as it was played: what was done, answered and seen, in order. Narrator and diagrams are made of it. */

/** An entry of GET /payments/{id}/timeline. */
export interface Happened {
  readonly id: string
  readonly type: string
  readonly stream: string
  readonly version: number
  readonly time: string
  readonly caused_by: string
  readonly data: Readonly<Record<string, unknown>>
  readonly why?: string
}

/** A line of the provider's own book. Amounts in minor units. */
export interface Movement {
  readonly provider: string
  readonly kind: "charge" | "refund" | "void"
  readonly reference: string
  readonly payment_id: string | null
  readonly amount: number
  readonly currency: string
}

export type Beat =
  /** What the listener should know. */
  | { readonly kind: "says"; readonly text: string }
  | { readonly kind: "asks"; readonly who: string; readonly request: string; readonly about: string }
  | { readonly kind: "answers"; readonly status: number; readonly text: string; readonly tookMs: number }
  /** Nobody was left to answer. */
  | { readonly kind: "silence"; readonly text: string }
  /** `usual`: up to the debit nothing differs from the one before, so that part is not told again. */
  | {
      readonly kind: "timeline"
      readonly name: string
      readonly usual: boolean
      readonly events: ReadonlyArray<Happened>
    }
  /** Minor units. */
  | {
      readonly kind: "balance"
      readonly who: string
      readonly before: number
      readonly after: number
      readonly currency: string
    }
  | { readonly kind: "ledger"; readonly of: string; readonly movements: ReadonlyArray<Movement> }
  | { readonly kind: "told"; readonly who: string; readonly title: string; readonly message: string }
  /** Something that must be so; `seen` is what was found. */
  | { readonly kind: "fact"; readonly says: string; readonly holds: boolean; readonly seen: string }

export interface Story {
  readonly number: number
  readonly title: string
  readonly beats: ReadonlyArray<Beat>
}

export const holds = ({ beats }: Story): boolean => beats.every((beat) => beat.kind !== "fact" || beat.holds)

/** The timeline of that name; a story without it was not played to its end. */
export const timelineOf = ({ title, beats }: Story, name: string): ReadonlyArray<Happened> => {
  const found = beats.find((beat) => beat.kind === "timeline" && beat.name === name)
  if (found?.kind !== "timeline") throw new Error(`"${title}" has no timeline "${name}"`)
  return found.events
}
