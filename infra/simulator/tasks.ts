/**
 * What the outside world has promised to do later: settle a pending charge, reverse one, execute a request whose caller
 * gave up. A promise is written down with its time, so it is kept after `kill -9` too.
 */
import { now } from "./clock.ts"
import type { Table, World } from "./world.ts"

/** A timer of the runtime holds at most this long; longer waits are cut into pieces. */
const MAX_TIMER_MS = 2_000_000_000

export type Task = { readonly id: string; readonly due: number; readonly kind: string; readonly of: string }

export class Tasks {
  private readonly table: Table<Task>
  private readonly timers = new Map<string, ReturnType<typeof setTimeout>>()
  private readonly world: World
  private handlers: { [kind: string]: (of: string) => void } = {}

  constructor(world: World) {
    this.world = world
    this.table = world.table<Task>("task")
  }

  /** After the world is open: takes up what an earlier process left undone. */
  start(handlers: { readonly [kind: string]: (of: string) => void }): void {
    this.handlers = { ...handlers }
    this.recheck()
  }

  schedule(kind: string, of: string, after_ms: number): void {
    this.arm(this.table.put({ id: `${kind}:${of}`, due: now() + after_ms, kind, of }))
  }

  pending(kind: string): Array<Task> {
    return [...this.table.rows.values()].filter((task) => task.kind === kind)
  }

  /** The clock has moved, or the process has just started. */
  recheck(): void {
    for (const task of [...this.table.rows.values()]) this.arm(task)
  }

  stop(): void {
    for (const timer of this.timers.values()) clearTimeout(timer)
    this.timers.clear()
  }

  private arm(task: Task): void {
    clearTimeout(this.timers.get(task.id))
    const wait_ms = Math.min(Math.max(0, task.due - now()), MAX_TIMER_MS)
    this.timers.set(
      task.id,
      setTimeout(() => this.fire(task), wait_ms)
    )
  }

  private fire(task: Task): void {
    if (now() < task.due) {
      this.arm(task)
      return
    }
    this.timers.delete(task.id)
    this.table.delete(task.id)
    this.handlers[task.kind]?.(task.of)
    this.world.seal()
    this.world.journal.afterWrite(() => {})
  }
}
