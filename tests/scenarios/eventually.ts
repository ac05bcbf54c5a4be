/** Waits for a fact, never for a time: what is asked for comes true, or the deadline tells what was seen last. */

const LOOK_EVERY_MS = 15
const WITHIN_MS = 15_000

export const eventually = async <A>(
  what: string,
  look: () => Promise<A>,
  holds: (seen: A) => boolean,
  withinMs = WITHIN_MS
): Promise<A> => {
  const deadline = performance.now() + withinMs
  for (;;) {
    const seen = await look()
    if (holds(seen)) return seen
    if (performance.now() > deadline) throw new Error(`${what}: not within ${withinMs} ms, last seen ${told(seen)}`)
    await Bun.sleep(LOOK_EVERY_MS)
  }
}

const told = (seen: unknown): string =>
  (JSON.stringify(seen, (_, value) => (typeof value === "bigint" ? String(value) : value)) ?? String(seen)).slice(
    0,
    800
  )

export const median = (figures: ReadonlyArray<number>): number =>
  figures.toSorted((a, b) => a - b)[Math.floor(figures.length / 2)] ?? Number.NaN
