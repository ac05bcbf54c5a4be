/** A case of the lab as data: what is armed at the simulated providers, what is done over HTTP, what must be so. */
import type { Lab } from "./lab.ts"

/** At the provider that is asked first, whichever that is, or at the sender of call-backs. */
export interface Arm {
  readonly at: "first" | "callbacks"
  /** As the simulator's control plane takes it; of a `code` per provider the armed one's is sent. */
  readonly behaviour: Readonly<Record<string, unknown>>
}

/** What it says, whether it is so, and what was seen. */
export type Must<Seen> = readonly [says: string, holds: (seen: Seen) => boolean, shows: (seen: Seen) => string]

export interface Case<Seen = unknown> {
  /** As the cases are numbered. */
  readonly id: string
  /** What went wrong elsewhere, in one sentence. */
  readonly story: string
  readonly arms: ReadonlyArray<Arm>
  /** What is done over HTTP, in one sentence. */
  readonly does: string
  // A method, not a property: a case that sees one thing stands in a list of cases that see any.
  play(lab: Lab): Promise<Seen>
  must: ReadonlyArray<Must<Seen>>
}

/** Infers what the case sees for what must be so of it. */
export const labCase = <Seen>(of: Case<Seen>): Case => of as unknown as Case

export const first = (behaviour: Arm["behaviour"]): Arm => ({ at: "first", behaviour })

export const armed = ({ at, behaviour: { fault, ...rest } }: Arm): string =>
  [at === "first" ? "the first provider" : "call-backs", ...(fault === undefined ? [] : [String(fault)])].join(": ") +
  Object.entries(rest)
    .map(([name, value]) => `, ${name} ${typeof value === "object" ? "as the provider's" : String(value)}`)
    .join("")
