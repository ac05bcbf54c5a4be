import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { pages } from "./pages.ts"

for (const [name, text] of Object.entries(pages())) {
  test(`docs/${name} says what the code says (else: npm run docs)`, () => {
    expect(readFileSync(new URL(`../../docs/${name}`, import.meta.url), "utf8")).toBe(text)
  })
}
