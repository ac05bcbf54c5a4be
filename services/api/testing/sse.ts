/** Reads server-sent events as a client does. */

export interface Sent {
  readonly id: string
  readonly event: string
  readonly data: { readonly [name: string]: unknown }
}

/** Blocks without data (comments, retry) are no events. */
export const sentIn = (text: string): ReadonlyArray<Sent> =>
  text
    .split("\n\n")
    .map((block) => new Map(block.split("\n").map((line) => [line.split(": ")[0], line.slice(line.indexOf(": ") + 2)])))
    .filter((block) => block.has("data"))
    .map((block) => ({
      id: block.get("id") ?? "",
      event: block.get("event") ?? "",
      data: JSON.parse(block.get("data") ?? "")
    }))

/** What has come so far; `closed` once the stream has. */
export const listen = (stream: ReadableStream<Uint8Array>) => {
  const reader = stream.getReader()
  const utf8 = new TextDecoder()
  const heard = { text: "", closed: false }
  const reading = (async () => {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      heard.text += utf8.decode(value, { stream: true })
    }
    heard.closed = true
  })()
  return {
    heard,
    sent: () => sentIn(heard.text),
    leave: () => reader.cancel(),
    end: async (): Promise<string> => {
      await reading
      return heard.text
    }
  }
}
