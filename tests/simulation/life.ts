/**
 * One life of a process: its fibers, states and queues end with it, and nothing of it can be heard afterwards. It dies
 * by itself at a labelled point, or by somebody else's hand at any await.
 */
import { Exit, Scope } from "effect"
import type { CrashPoint } from "../../shared/runtime/crashpoint.ts"

export class Life {
  alive = true
  /** Monotonic time (ms): until then it stands still, as a stopped process does. */
  stillUntil = 0
  /** It is about to look for what others have written. */
  hears = false
  readonly scope = Scope.makeUnsafe()
  /** Somebody waits to hear of the end. */
  onEnd: (() => void) | undefined
  diedAt: CrashPoint | undefined

  end(at?: CrashPoint): void {
    if (!this.alive) return
    this.alive = false
    this.diedAt = at
    this.onEnd?.()
  }

  /** Its fibers are interrupted; what they do then, nobody sees. */
  get bury() {
    this.alive = false
    return Scope.close(this.scope, Exit.void)
  }
}
