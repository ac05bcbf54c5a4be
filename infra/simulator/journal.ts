/**
 * The durable memory of the outside world: an append-only file of JSON lines.
 *
 * "Append before answering": whatever a request changed is handed to the operating system with write(2) before its
 * answer leaves, so `kill -9` of this process loses nothing that a caller was told (power loss may: there is no fsync).
 * All requests of one tick share one write, which is why this costs microseconds and not a system call per request.
 */
import { closeSync, existsSync, mkdirSync, openSync, readSync, renameSync, truncateSync, writeSync } from "node:fs"
import { join } from "node:path"

const STATE_FILE = "simulator-state.jsonl"
const WIRE_FILE = "simulator-wire.jsonl"
const WIRE_FILE_BEFORE = "simulator-wire.1.jsonl"

const READ_CHUNK_BYTES = 8 * 1024 * 1024
/** Two wire files of at most this many lines each: the current one and the one before. */
export const WIRE_LINES_PER_FILE = 200_000

/**
 * Calls `onLine` for every whole line. A last line without its end was never answered: it is cut off, so that the
 * next append does not run into it.
 */
const replayFile = (path: string, onLine: (line: string) => void): void => {
  if (!existsSync(path)) return
  const fd = openSync(path, "r")
  const chunk = Buffer.allocUnsafe(READ_CHUNK_BYTES)
  let rest: Buffer = Buffer.alloc(0)
  let whole = 0
  for (let read = readSync(fd, chunk); read > 0; read = readSync(fd, chunk)) {
    const data = Buffer.concat([rest, chunk.subarray(0, read)])
    const end = data.lastIndexOf(10) + 1
    if (end > 0) for (const line of data.toString("utf8", 0, end - 1).split("\n")) onLine(line)
    whole += end
    rest = data.subarray(end)
  }
  closeSync(fd)
  if (rest.length > 0) truncateSync(path, whole)
}

const writeAll = (fd: number, text: string): void => {
  const bytes = Buffer.from(text, "utf8")
  for (let sent = 0; sent < bytes.length; ) sent += writeSync(fd, bytes, sent)
}

export class Journal {
  private readonly dir: string | undefined
  private state = -1
  private wire = -1
  private wireLines = 0
  private stateText = ""
  private wireText = ""
  private waiting: Array<() => void> = []
  private scheduled = false

  constructor(dir: string | undefined) {
    this.dir = dir
  }

  /** Replays what an earlier process wrote, then opens the files for appending. */
  open(onState: (line: string) => void, onWire: (line: string) => void): void {
    if (this.dir === undefined) return
    mkdirSync(this.dir, { recursive: true })
    replayFile(this.path(STATE_FILE), onState)
    replayFile(this.path(WIRE_FILE_BEFORE), onWire)
    replayFile(this.path(WIRE_FILE), (line) => {
      this.wireLines += 1
      onWire(line)
    })
    this.state = openSync(this.path(STATE_FILE), "a")
    this.wire = openSync(this.path(WIRE_FILE), "a")
  }

  get durable(): boolean {
    return this.dir !== undefined
  }

  appendState(line: string): void {
    if (this.durable) this.stateText += line
  }

  appendWire(line: string): void {
    if (!this.durable) return
    this.wireText += line
    this.wireLines += 1
  }

  /** Runs `then` once everything appended so far is in the operating system's hands. */
  afterWrite(then: () => void): void {
    if (!this.durable) {
      then()
      return
    }
    this.waiting.push(then)
    if (this.scheduled) return
    this.scheduled = true
    setImmediate(() => this.flush())
  }

  flush(): void {
    this.scheduled = false
    if (this.stateText !== "") writeAll(this.state, this.stateText)
    if (this.wireText !== "") writeAll(this.wire, this.wireText)
    this.stateText = ""
    this.wireText = ""
    if (this.wireLines >= WIRE_LINES_PER_FILE) this.rotateWire()
    const ready = this.waiting
    this.waiting = []
    for (const then of ready) then()
  }

  close(): void {
    if (!this.durable || this.state < 0) return
    this.flush()
    closeSync(this.state)
    closeSync(this.wire)
    this.state = -1
  }

  private rotateWire(): void {
    closeSync(this.wire)
    renameSync(this.path(WIRE_FILE), this.path(WIRE_FILE_BEFORE))
    this.wire = openSync(this.path(WIRE_FILE), "a")
    this.wireLines = 0
  }

  private path(file: string): string {
    return join(this.dir ?? ".", file)
  }
}
