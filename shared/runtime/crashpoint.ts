/**
 * Labelled points between two writes, or between a write and an outside call, where a test may end the world. In
 * production a point is a void effect; the simulation installs an interruption, a kill test `CRASH_AT=label:n`.
 */
import { Context, Effect, Layer } from "effect"

export const CRASH_POINTS = [
  "journal.before-write",
  "journal.after-write",
  "processor.before-effects",
  "gateway.before-call",
  "gateway.after-call",
  "timers.before-fire",
  "timers.after-fire",
  "api.before-answer",
  "operate.before-effect",
  "operate.after-effect",
  "webhooks.before-submit",
  "audit.before-write",
  "audit.after-write"
] as const
export type CrashPoint = (typeof CRASH_POINTS)[number]

/** `about`: the streams it is about, where the place knows them. */
type Reached = (label: CrashPoint, about?: () => ReadonlyArray<string>) => Effect.Effect<void>

export const CrashPoints = Context.Reference<Reached>("shared/CrashPoints", { defaultValue: () => () => Effect.void })

export const reach: Reached = (label, about) => Effect.flatMap(CrashPoints, (at) => at(label, about))

/**
 * `CRASH_AT=gateway.after-call:3` ends the process with SIGKILL the third time that point is reached;
 * `journal.before-write@wallet-1` whenever it is reached with work of that stream.
 */
export const crashAt = (setting: string | undefined) => {
  if (setting === undefined || setting === "") return Layer.empty
  const [place = "", stream] = setting.split("@")
  const [label, count = "1"] = place.split(":")
  if (!CRASH_POINTS.some((point) => point === label)) throw new Error(`CRASH_AT: no crash point ${label}`)
  let left = Number(count)
  return Layer.succeed(CrashPoints, (at, about) =>
    Effect.sync(() => {
      if (at !== label) return
      if (stream === undefined ? --left === 0 : about?.().includes(stream)) process.kill(process.pid, "SIGKILL")
    })
  )
}
