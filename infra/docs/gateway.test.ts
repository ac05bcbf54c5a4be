/** docs/gateway.md names the tests that prove it, and draws the states there are. */
import { expect, test } from "bun:test"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { Status } from "../../services/gateway/state.ts"

const root = join(import.meta.dir, "..", "..")
const page = readFileSync(join(root, "docs/gateway.md"), "utf8")

/** `path` › "name" */
const named = [...page.matchAll(/`([\w./-]+\.test\.ts)` › "([^"]+)"/g)].map(([, path = "", name = ""]) => ({
  path,
  name
}))

/** The names of a file's tests, as they are written: what a table fills in stands there as `${…}`. */
const testsOf = (path: string): ReadonlyArray<string> =>
  [...readFileSync(join(root, path), "utf8").matchAll(/\b(?:test|describe)\(\s*(["'`])((?:\\.|(?!\1).)*)\1/g)].map(
    ([, , name = ""]) => name
  )

test("docs/gateway.md: every test it names exists", () => {
  const missing = named.filter(
    ({ path, name }) => !existsSync(join(root, path)) || !testsOf(path).some((written) => written.includes(name))
  )
  expect(missing).toEqual([])
  expect(named.length).toBe(page.match(/›/g)?.length ?? 0)
})

test("docs/gateway.md: every sentence of the rule names its proof", () => {
  const rule = /## The rule in ten lines\n([\s\S]*?)\n## /.exec(page)?.[1] ?? ""
  const lines = rule.split(/^(?=\d+\. )/m).slice(1)
  expect(lines).toHaveLength(10)
  expect(lines.filter((line) => !/Proof: `[\w./-]+` › "/.test(line))).toEqual([])
})

test("docs/gateway.md: the diagram has the states of an attempt, all of them and no others", () => {
  const drawn = [...page.matchAll(/^ {4}(?:\[\*\]|[A-Z_]+) --> ([A-Z_]+)/gm)].map((match) => match[1] ?? "")
  expect([...new Set(drawn)].sort()).toEqual([...Status.literals].sort())
})
