/**
 * Payments told as they happen, to whoever listens. One fiber asks for all open streams in one query, and only while
 * there are any; what has fallen silent is asked for less and less often, until it speaks again.
 */
import { Clock, Effect, type Scope } from "effect"
import type { PaymentEvent } from "../../shared/contract/payment.ts"
import { hasEnded, type PaymentRecord, type Store } from "./records.ts"
import * as sse from "./sse.ts"
import { after, chapterOf, hasNotified, type Position, positionText, type Telling, tellable } from "./telling.ts"

/** How often a payment is looked at while it moves; silent, ever less often, down to the second figure. */
const ASK_EVERY_MS = 20
const ASK_SILENT_EVERY_MS = 500
const SLOWER = 1.5
/** Streams of one query, and events of one stream of events in it: bounds what a turn holds in memory. */
const ASK_MAX = 50
const PAGE = 200
/** A store that does not answer must not keep heartbeats from going out. */
const ASK_TIMEOUT_MS = 1_000
const ASK_AGAIN_AFTER_FAILURE_MS = 200
/** Proxies and the server's own idle timeout hang up on a silent connection, most after a minute. */
const HEARTBEAT_MS = 15_000
/** Then the client comes again, with its position: a revoked key or a forgotten page does not listen for ever. */
const STREAM_MAX_MS = 300_000
/** Whoever comes on top is told to come back. */
export const STREAMS_MAX = 1_000
/** Written and not taken by the client; whoever reads slower is not read for. */
const BUFFER_MAX_BYTES = 64 * 1024
/** The user is told right after the end; where that fails for good, the stream ends without. */
const NOTIFICATION_WITHIN_MS = 5_000

export interface Streams {
  /** Undefined: as many are open as there may be. Nothing is read for a stream until its client reads it. */
  readonly open: (telling: Telling, payment: PaymentRecord, from: Position) => ReadableStream<Uint8Array> | undefined
  /** Closes all, as not ended, and every later one at once. */
  readonly release: () => void
}

type Asked = Pick<Store["Service"], "unread" | "ended">

export const makeStreams = (store: Asked): Effect.Effect<Streams, never, Scope.Scope> =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const listeners = new Listeners()
    yield* Effect.forkScoped(Effect.forever(turn(store, listeners)))
    return {
      open: (telling, payment, from) => {
        if (listeners.full()) return undefined
        return listeners.body(new Listener(telling, payment, from), () => clock.currentTimeMillisUnsafe())
      },
      release: () => listeners.release()
    }
  })

const turn = (store: Asked, listeners: Listeners) =>
  listeners.somebody.pipe(
    Effect.andThen(Effect.sleep(ASK_EVERY_MS)),
    Effect.andThen(Clock.currentTimeMillis),
    Effect.tap((now) => Effect.sync(() => listeners.keep(now))),
    Effect.flatMap((now) =>
      ask(store, listeners, now).pipe(
        Effect.timeout(ASK_TIMEOUT_MS),
        Effect.tap(() => listeners.answered()),
        Effect.catchCause((cause) =>
          Effect.andThen(
            listeners.unanswered() ? Effect.logWarning("cannot ask for payments' events", cause) : Effect.void,
            Effect.sleep(ASK_AGAIN_AFTER_FAILURE_MS)
          )
        )
      )
    )
  )

const ask = Effect.fnUntraced(function* (store: Asked, listeners: Listeners, now: number) {
  const due = listeners.due(now)
  if (due.length > 0) {
    const found = yield* store.unread(
      due.map((listener) => listener.telling.unread(listener.position)),
      PAGE
    )
    for (const [i, listener] of due.entries()) {
      const told = Effect.try(() => listener.hear(found[i] ?? [], now))
      yield* Effect.catchCause(told, (cause) => {
        listener.close()
        return Effect.logError(`payment ${listener.telling.paymentId} cannot be told`, cause)
      })
    }
  }
  const over = listeners.all().filter((listener) => listener.isOver(now))
  if (over.length === 0) return
  const payments = yield* store.ended([...new Set(over.map(({ telling }) => telling.paymentId))])
  const byId = new Map(payments.map((payment) => [payment.id, payment]))
  for (const listener of over) {
    const payment = byId.get(listener.telling.paymentId)
    if (payment !== undefined) listener.end(payment)
  }
})

const ENDS: ReadonlySet<string> = new Set<PaymentEvent["type"]>([
  "PaymentCompleted",
  "PaymentFailed",
  "PaymentCancelled"
])

class Listener {
  readonly telling: Telling
  position: Position
  closed = false
  /** ms; 0 asks at once. */
  dueAt = 0
  private everyMs = ASK_EVERY_MS
  /** ms; when the payment's end was seen. */
  private endedAt: number | undefined
  /** All there was to read has been told. */
  private whole = false
  private wroteAt = 0
  private until = 0
  private out: ReadableStreamDefaultController<Uint8Array> | undefined
  private left = () => {}

  constructor(telling: Telling, payment: PaymentRecord, from: Position) {
    this.telling = telling
    this.position = from
    this.endedAt = hasEnded(payment) ? (payment.completed_at ?? payment.updated_at) : undefined
  }

  begin(out: ReadableStreamDefaultController<Uint8Array>, now: number, left: () => void): void {
    this.out = out
    this.left = left
    this.until = now + STREAM_MAX_MS
    this.write(sse.RETRY, now)
  }

  reads(): boolean {
    return (this.out?.desiredSize ?? 0) > -BUFFER_MAX_BYTES
  }

  hear(records: Parameters<Telling["inOrder"]>[0], now: number): void {
    if (this.telling.refunds.learn(records)) {
      this.dueAt = 0 // again, with what the new refunds brought to the wallet
      return
    }
    const { events, whole } = tellable(this.telling.inOrder(records), PAGE)
    const isNotification = ({ stream }: { readonly stream: string }) => chapterOf(stream) === "notification"
    let text = ""
    // Told last, so never before a page that is still to come.
    for (const event of [
      ...events.filter((e) => !isNotification(e)),
      ...(whole ? events.filter(isNotification) : [])
    ]) {
      this.position = after(this.position, event)
      if (ENDS.has(event.type)) this.endedAt ??= now
      // The user is told of a refund's end as of the payment's: a moment later.
      if (this.telling.refunds.hear(event)) this.endedAt = now
      text += sse.event(positionText(this.position), isNotification(event) ? "notification" : event.type, event)
    }
    this.whole = whole
    this.everyMs = text === "" ? Math.min(this.everyMs * SLOWER, ASK_SILENT_EVERY_MS) : ASK_EVERY_MS
    this.dueAt = whole ? now + this.everyMs : 0
    if (text !== "") this.write(text, now)
  }

  isOver(now: number): boolean {
    const { pending, ended } = this.telling.refunds
    if (this.endedAt === undefined || !this.whole || pending > 0) return false
    return hasNotified(this.position, 1 + ended) || now - this.endedAt >= NOTIFICATION_WITHIN_MS
  }

  end(payment: PaymentRecord): void {
    this.close(sse.end(positionText(this.position), payment))
  }

  /** A sign of life, or the end of the stream's time. */
  keep(now: number): void {
    if (now >= this.until) this.close(sse.RETRY)
    else if (now - this.wroteAt >= HEARTBEAT_MS && this.reads()) this.write(sse.HEARTBEAT, now)
  }

  close(last = sse.RETRY): void {
    if (this.closed) return
    this.closed = true
    this.left()
    this.out?.enqueue(sse.bytes(last))
    this.out?.close()
  }

  /** Its client has gone. */
  leave(): void {
    this.closed = true
    this.left()
  }

  private write(text: string, now: number): void {
    if (this.closed) return
    this.wroteAt = now
    this.out?.enqueue(sse.bytes(text))
  }
}

class Listeners {
  private readonly open = new Set<Listener>()
  private released = false
  private wake: (() => void) | undefined
  private away = false

  /** Returns when at least one listens. */
  readonly somebody = Effect.callback<void>((resume) => {
    if (this.open.size > 0) return resume(Effect.void)
    this.wake = () => resume(Effect.void)
  })

  full(): boolean {
    return this.open.size >= STREAMS_MAX
  }

  keep(now: number): void {
    for (const listener of this.all()) listener.keep(now)
  }

  all(): ReadonlyArray<Listener> {
    return [...this.open]
  }

  /** The longest overdue first. */
  due(now: number): ReadonlyArray<Listener> {
    const due = this.all().filter((listener) => listener.dueAt <= now && listener.reads())
    return due.length <= ASK_MAX ? due : due.sort((a, b) => a.dueAt - b.dueAt).slice(0, ASK_MAX)
  }

  /** It joins on the first read and not before: the answer to a HEAD, or to a client that has gone, is never read. */
  body(listener: Listener, now: () => number): ReadableStream<Uint8Array> {
    let joined = false
    return new ReadableStream<Uint8Array>(
      {
        pull: (out) => {
          if (joined) return
          joined = true
          listener.begin(out, now(), () => this.open.delete(listener))
          if (this.released || this.full()) return listener.close()
          this.open.add(listener)
          const wake = this.wake
          this.wake = undefined
          wake?.()
        },
        cancel: () => listener.leave()
      },
      { highWaterMark: 0, size: (chunk) => chunk?.byteLength ?? 0 }
    )
  }

  release(): void {
    this.released = true
    for (const listener of this.all()) listener.close()
  }

  /** A store that is away is told of once, not five times a second. */
  unanswered(): boolean {
    const first = !this.away
    this.away = true
    return first
  }

  answered(): Effect.Effect<void> {
    this.away = false
    return Effect.void
  }
}
