/** A world that failed, for people: what was violated, how to see it again, and the course of the payment. */
import { BEGINNING } from "./time.ts"
import type { Failed } from "./trial.ts"
import type { World } from "./world.ts"

export const replayLine = (seed: number, days: number): string =>
  `npm run simulate -- --seeds 1 --from ${seed} --days ${days}`

const LINES_MAX = 200

const shown = (value: unknown): string =>
  JSON.stringify(value, (_, cell) => (typeof cell === "bigint" ? Number(cell) : cell)).slice(0, 160)

/** Each fact and command that concerns the payment, in the order of the commits. */
export const courseOf = (world: World, payment: string): ReadonlyArray<string> => {
  const about = world.history.filter(
    ({ correlationid, data }) => correlationid === payment || (data as { payment_id?: string }).payment_id === payment
  )
  const lines = about.map(({ time, subject, type, data }) => {
    const seconds = ((time - BEGINNING) / 1000).toFixed(3).padStart(14)
    const { payment_id: _, wallet_id: __, ...rest } = data as Record<string, unknown>
    return `${seconds} s  ${(subject.split("-")[0] ?? "").padEnd(8)} ${type.padEnd(26)} ${shown(rest)}`
  })
  return lines.length <= LINES_MAX ? lines : [...lines.slice(0, LINES_MAX), `… and ${lines.length - LINES_MAX} more`]
}

export const tellFailure = ({ seed, violations }: Failed, days: number, world: World): ReadonlyArray<string> => {
  const payment = violations.find((violation) => violation.payment !== undefined)?.payment
  return [
    `seed ${seed} violates:`,
    ...violations.map(
      ({ invariant, told, payment: of }) => `  ${invariant} ${told}${of === undefined ? "" : ` (payment ${of})`}`
    ),
    `replay: ${replayLine(seed, days)}`,
    ...(payment === undefined ? [] : [`the course of payment ${payment}:`, ...courseOf(world, payment)])
  ]
}
