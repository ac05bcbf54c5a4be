// What the test runner makes of bun's output; the verdict of every other test depends on it.
import { expect, test } from "bun:test"
import { readTotals, splitArguments } from "./test.ts"

const output = (body: string, counts: string) =>
  `bun test v1\n\na.test.ts:\n${body}\n${counts}\nRan 3 tests across 1 file.\n`

test("the totals are read from the end", () => {
  const text = output("(pass) a\n 7 fail\n(skip) b\nskipped: no Java", "\n 2 pass\n 1 skip\n 0 fail\n 4 expect() calls")
  expect(readTotals(text, 0)).toEqual({ passed: 2, failed: 0, skipped: 1 })
})

test("a process that dies counts as a failure", () => {
  expect(readTotals("bun test v1\n(pass) a\n", 139)).toMatchObject({ passed: 0, failed: 1 })
  expect(readTotals(output("", " 2 pass\n 0 fail\n 1 error"), 1)).toMatchObject({ passed: 2, failed: 1 })
})

test("a test file without a test counts as a failure", () => {
  expect(readTotals(output("", " 0 pass\n 0 fail"), 0)).toMatchObject({ passed: 0, failed: 1 })
})

test("a skipped test without a printed reason counts as a failure", () => {
  expect(readTotals(output("(skip) b", " 1 pass\n 1 skip\n 0 fail"), 0)).toMatchObject({ failed: 1, skipped: 1 })
})

test("a file in which no name matches counts for nothing", () => {
  expect(readTotals('error: regex "x" matched 0 tests. Searched 1 file', 1)).toEqual({
    passed: 0,
    failed: 0,
    skipped: 0
  })
})

test("filters are told from flags and their values", () => {
  expect(splitArguments(["./wallet", "-t", "refuses", "--bail", "saga"])).toEqual({
    filters: ["wallet", "saga"],
    flags: ["-t", "refuses", "--bail"]
  })
})
