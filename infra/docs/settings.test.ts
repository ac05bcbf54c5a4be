/** docs/settings.md and the code know the same settings. */
import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"

const root = join(import.meta.dir, "..", "..")
const read = (path: string): string => readFileSync(join(root, path), "utf8")

/** What reads one variable: Effect's Config, or a file's own word for it. */
const READS = /\bConfig\.|\b(positive|upTo|atLeastOne|whole|text|secret)\(/

const inCode = (): ReadonlyArray<string> =>
  ["services", "shared", "infra"]
    .flatMap((folder) => [...new Bun.Glob(`${folder}/**/*.ts`).scanSync(root)])
    .filter((path) => !path.endsWith(".test.ts"))
    .map(read)
    .filter((text) => /import \{[^}]*\bConfig\b[^}]*\} from "effect"/.test(text))
    .flatMap((text) => text.split("\n").filter((line) => READS.test(line)))
    .flatMap((line) => [...line.matchAll(/"([A-Z][A-Z0-9]+(?:_[A-Z0-9]+)*)"/g)].map((match) => match[1] as string))

const inPage = (): ReadonlyArray<string> =>
  read("docs/settings.md")
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .flatMap((line) => [...(line.split("|")[1] ?? "").matchAll(/`([A-Z0-9_]+)`/g)].map((match) => match[1] as string))

const sorted = (names: ReadonlyArray<string>) => [...new Set(names)].sort()

test("every setting stands in docs/settings.md, and nothing else does", () => {
  expect(sorted(inCode()).length).toBeGreaterThan(20)
  expect(sorted(inPage())).toEqual(sorted(inCode()))
})
