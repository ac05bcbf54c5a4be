/** How a command of ours ends: with its own exit code, at a signal, or with one line that says why it cannot go on. */
import { Cause, Effect, Exit, Runtime, type Scope } from "effect"

const INTERRUPTED = 130

/** In one line; where an error has no words of its own, its name is better than nothing. */
export const whyOf = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  const message = error instanceof Error ? error.message || error.name : String(error)
  return `cannot go on: ${message.replaceAll(/\s*\n\s*/g, " ")}`
}

const failed = (cause: Cause.Cause<unknown>): number => {
  if (Cause.hasInterruptsOnly(cause)) return INTERRUPTED
  console.error(whyOf(cause))
  return 1
}

const runMain = Runtime.makeRunMain(({ fiber, teardown }) => {
  const stop = () => fiber.interruptUnsafe()
  process.once("SIGINT", stop).once("SIGTERM", stop)
  fiber.addObserver((exit) => teardown(exit, (code) => process.exit(process.exitCode ?? code)))
})

/** Runs it to its end, and ends the process with the code it came to. */
export const runCommand = <E>(program: Effect.Effect<number, E, Scope.Scope>): void =>
  runMain(
    Effect.flatMap(Effect.exit(Effect.scoped(program)), (exit) =>
      Effect.sync(() => {
        process.exitCode = Exit.match(exit, { onSuccess: (code) => code, onFailure: failed })
      })
    )
  )
