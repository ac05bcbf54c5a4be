/** Reads what `bun --cpu-prof` wrote: where the JavaScript thread spends its time, by function, by file, by purpose. */

interface Frame {
  readonly functionName: string
  readonly url: string
  readonly lineNumber: number
}
interface Node {
  readonly id: number
  readonly callFrame: Frame
  readonly children?: ReadonlyArray<number>
}
export interface CpuProfile {
  readonly nodes: ReadonlyArray<Node>
  /** µs since the epoch. */
  readonly startTime: number
  readonly samples: ReadonlyArray<number>
  readonly timeDeltas: ReadonlyArray<number>
}

/** Share of the samples, 0 to 1, largest first. */
export type Shares = ReadonlyArray<readonly [name: string, share: number]>

export interface Profile {
  readonly samples: number
  readonly purposes: Shares
  readonly functions: Shares
  readonly files: Shares
}

/** Seen from the innermost frame outwards, the first that matches says what the time was for. */
const PURPOSES: ReadonlyArray<readonly [string, RegExp]> = [
  ["JSON", /^(stringify|parse) $/],
  ["fetch to the provider (native)", /^fetch $/],
  ["socket write", /^(writeBuffered|write|writev) |_write node:net|nextWrite .*postgres/],
  ["ids and hashes", /shared\/runtime\/ids\.ts|^(hash|digest|update|randomFillSync) /],
  ["Schema", /dist\/(Schema|SchemaAST|SchemaParser|SchemaGetter|SchemaIssue)\.js|internal\/schema\//],
  ["text for the statement", /journal\/(columns|statement|insertion)\.ts|shared\/contract\/codec\.ts/],
  ["postgres.js", /node_modules\/postgres\//],
  ["fold and decide", /journal\/fold\.ts|services\/(wallet|payment|saga|notification)\/|services\/gateway\/\w+\.ts/],
  ["provider adapter", /services\/gateway\/provider\/|effect\/dist\/http\//],
  ["waiting for the end", /services\/api\/(wait|store)\.ts/],
  ["HTTP handling", /services\/api\/|node_modules\/hono\//],
  ["metrics", /services\/metrics\//],
  ["lane, journal, bus", /shared\/runtime\//],
  ["Effect runtime", /node_modules\/effect\//],
  ["streams, timers, promises", /^\w* ?(node|internal|bun):|processTicksAndRejections/]
]

const place = ({ url }: Frame): string =>
  url.replace(/^file:\/\//, "").replace(/^.*?((node_modules|shared|services|infra)\/)/, "$1")
const label = (frame: Frame): string =>
  `${frame.functionName || "(anonymous)"} ${place(frame)}${frame.url === "" ? "" : `:${frame.lineNumber + 1}`}`

/** `from` and `to` in ms since the epoch. */
export const readProfile = (profile: CpuProfile, from: number, to: number): Profile => {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]))
  const parents = new Map(
    profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const))
  )
  const counts = new Map<number, number>()
  let at = profile.startTime / 1000
  let samples = 0
  for (const [index, id] of profile.samples.entries()) {
    at += (profile.timeDeltas[index] ?? 0) / 1000
    if (at < from || at >= to) continue
    counts.set(id, (counts.get(id) ?? 0) + 1)
    samples++
  }
  const purposeOf = (leaf: number): string => {
    for (let id: number | undefined = leaf; id !== undefined; id = parents.get(id)) {
      const text = label((nodes.get(id) as Node).callFrame)
      const known = PURPOSES.find(([, pattern]) => pattern.test(text))
      if (known !== undefined) return known[0]
    }
    return "other"
  }
  const shares = (of: (id: number) => string): Shares => {
    const totals = new Map<string, number>()
    for (const [id, count] of counts) totals.set(of(id), (totals.get(of(id)) ?? 0) + count / samples)
    return [...totals].sort(([, a], [, b]) => b - a)
  }
  const frameOf = (id: number) => (nodes.get(id) as Node).callFrame
  return {
    samples,
    purposes: shares(purposeOf),
    functions: shares((id) => label(frameOf(id))),
    files: shares((id) => place(frameOf(id)) || `native ${frameOf(id).functionName}`)
  }
}
