/** Why a message died, what that means for whoever looks at it, and whether it is tried again without being asked. */

/**
 * decode: it cannot be read · defect: the decider threw · data: the store refuses what follows from it · transient: the
 * store refuses it for a reason that can pass · crash: the process ended whenever it was at this message.
 */
export const ERROR_CLASSES = ["decode", "defect", "data", "transient", "crash"] as const
export type ErrorClass = (typeof ERROR_CLASSES)[number]

export interface RedriveSettings {
  /** DEAD_LETTER_REDRIVES_MAX: tries by itself of what can heal; then a person has to ask. */
  readonly redrivesMax: number
  /** DEAD_LETTER_BACKOFF_MS: before the first of them; each later one waits four times as long. */
  readonly backoffMs: number
}
export const defaultRedriveSettings: RedriveSettings = { redrivesMax: 5, backoffMs: 5_000 }
const BACKOFF_GROWTH = 4

/** When (ms) a letter that failed `redrives` times after its death is tried again by itself; null: never. */
export const nextRedriveAt = (
  errorClass: ErrorClass,
  redrives: number,
  now: number,
  { redrivesMax, backoffMs }: RedriveSettings
): number | null =>
  errorClass === "transient" && redrives < redrivesMax ? now + backoffMs * BACKOFF_GROWTH ** redrives : null

/** Once at every start of a process: another version of the code, or of the database, may have fixed these. */
export const triedAtStart = (errorClass: ErrorClass | null): boolean =>
  errorClass === "decode" || errorClass === "defect" || errorClass === "data"

/**
 * SQLSTATEs that can heal without anybody: a partition that is made later, and what says "not now" (serialization,
 * resources, an operator's intervention, locks). Most of the latter never come here: the processor waits for them.
 */
const HEALS = /^(40|53|55P03|57|58|08)/
export const classOf = (code: string, detail: string): ErrorClass => {
  if (code === "decode") return "decode"
  return HEALS.test(code) || (code === "23514" && /no partition/.test(detail)) ? "transient" : "data"
}

export interface Analysis {
  readonly means: string
  readonly what_to_do: string
}

export const ANALYSIS: Readonly<Record<ErrorClass, Analysis>> = {
  decode: {
    means: "The message cannot be read: it is no JSON, its type is not known, or a field is wrong.",
    what_to_do:
      "Deploy a version that knows the type: it tries again at its start. Discard it if nobody can have meant it."
  },
  defect: {
    means: "The service's own rules broke on this message: a mistake in our code, not in the data's form.",
    what_to_do: "Fix the decider and deploy: it tries again at its start. Discard only what must not happen any more."
  },
  data: {
    means: "The database refuses what follows from the message: a value or a constraint forbids it.",
    what_to_do: "Compare the error with the unit's last events; fix the cause, then redrive, or discard."
  },
  transient: {
    means: "The database could not take it for a reason that can pass, such as a month's partition that is missing.",
    what_to_do: "Nothing while next_redrive_at is set. After that: remove the cause, then redrive."
  },
  crash: {
    means: "The process ended again and again while it was at this message, or at a call that follows from it.",
    what_to_do: "Never redrive it before the cause is found: look at what the process wrote before it ended."
  }
}
