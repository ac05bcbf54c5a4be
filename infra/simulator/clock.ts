/** The simulator's one clock. Tests and demos may move it forward (idempotency windows, late settlements). */

let offset_ms = 0

export const now = (): number => Date.now() + offset_ms

export const iso = (at: number): string => new Date(at).toISOString()

export const seconds = (at: number): number => Math.floor(at / 1000)

/** Only forward: a provider's clock that runs backwards would un-expire keys. */
export const advanceClock = (ms: number): void => {
  offset_ms += ms
}
