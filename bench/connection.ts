/** One keep-alive connection that speaks just enough HTTP/1.1 for answers with a Content-Length. */

export interface Reply {
  /** 0: there was no answer, and `body` says why. */
  readonly status: number
  readonly body: string
}

const LOST: Reply = { status: 0, body: "connection lost" }

export class Connection {
  private readonly hostname: string
  private readonly port: number
  private socket: Promise<Bun.Socket<undefined>> | undefined
  private received = ""
  private answer: ((reply: Reply) => void) | undefined

  constructor(url: string) {
    const { hostname, port } = new URL(url)
    this.hostname = hostname
    this.port = Number(port)
  }

  /** Never rejects. One at a time. */
  async exchange(request: string): Promise<Reply> {
    const answered = new Promise<Reply>((resolve) => {
      this.answer = resolve
    })
    try {
      const socket = await (this.socket ??= this.connect())
      if (socket.write(request) !== request.length) this.lost()
    } catch {
      this.lost()
    }
    return answered
  }

  private connect(): Promise<Bun.Socket<undefined>> {
    return Bun.connect<undefined>({
      hostname: this.hostname,
      port: this.port,
      data: undefined,
      socket: {
        data: (_, chunk) => this.receive(chunk),
        close: () => this.lost(),
        error: () => this.lost()
      }
    })
  }

  private receive(chunk: Buffer): void {
    this.received += chunk.toString("latin1") // a byte is a character, so lengths agree
    const head = this.received.indexOf("\r\n\r\n")
    if (head < 0) return
    const length = /content-length: *(\d+)/i.exec(this.received.slice(0, head))?.[1]
    const end = head + 4 + Number(length ?? 0)
    if (this.received.length < end) return
    const reply = { status: Number(this.received.slice(9, 12)), body: this.received.slice(head + 4, end) }
    this.received = this.received.slice(end)
    this.settle(reply)
  }

  private lost(): void {
    this.socket = undefined
    this.received = ""
    this.settle(LOST)
  }

  private settle(reply: Reply): void {
    const answer = this.answer
    this.answer = undefined
    answer?.(reply)
  }
}
