// The rules of this repository, enforced: each rule is first shown a planted violation, then every source file.
import { describe, expect, test } from "bun:test"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { kafkaAtHome, pureDeciders, separateServices, sharedAlone } from "./testing/tidy/imports.ts"
import { decidersAreKnown, readSource, root, servicesWithoutReadme, sourceFiles } from "./testing/tidy/repository.ts"
import type { Rule } from "./testing/tidy/rule.ts"
import { fileLines, functionLines, lineColumns, mainLines } from "./testing/tidy/size.ts"
import * as words from "./testing/tidy/words.ts"

const lines = (count: number, line = "a()") => Array.from({ length: count }, () => line).join("\n")
const wallet = "services/wallet/wallet.ts"
const anywhere = "services/wallet/effects.ts"

type Planted = readonly [path: string, text: string, violations: number]

const rules: Readonly<Record<string, readonly [Rule, ReadonlyArray<Planted>]>> = {
  "file lines": [
    fileLines,
    [
      [anywhere, lines(300), 0],
      [anywhere, lines(301), 1]
    ]
  ],
  "function lines": [
    functionLines,
    [
      [anywhere, `function f(a: { b: string }): { c: number } {\n${lines(68)}\n}`, 0],
      [anywhere, `function f(a: { b: string }): { c: number } {\n${lines(69)}\n}`, 1],
      [anywhere, `const f = (a: string): Promise<void> => {\n${lines(69)}\n}`, 1],
      [anywhere, `const f = async (\n  a = \`\${"}"}\`\n) => {\n${lines(67)}\n}`, 1],
      [anywhere, `const f = (a: number) =>\n  g(\n${lines(69, "    a,")}\n  )\n${lines(2)}`, 1],
      [anywhere, `const f = (a: number) =>\n  g(a)\n${lines(70)}`, 0],
      [anywhere, `class A {\n  m<T>(a: T): a is string {\n${lines(69)}\n  }\n}`, 1],
      [anywhere, `const f = () => /[{]/.test("}")\nif (a) {\n${lines(70)}\n}`, 0],
      [anywhere, `if (a) {\n${lines(70)}\n}`, 0],
      [anywhere, `describe("all", () => {\n${lines(70)}\n})`, 0],
      [anywhere, `test("one", () => {\n${lines(70)}\n})`, 1]
    ]
  ],
  "line columns": [
    lineColumns,
    [
      [anywhere, `${"é".repeat(120)}\n`, 0],
      [anywhere, `a\n${"é".repeat(121)}\n`, 1]
    ]
  ],
  "lines of main.ts": [
    mainLines,
    [
      ["services/wallet/main.ts", lines(40), 0],
      ["services/wallet/main.ts", lines(41), 1],
      ["infra/embedded/main.ts", lines(41), 0]
    ]
  ],
  "pure deciders": [
    pureDeciders,
    [
      [wallet, `import { HashMap, Option, Result, type Effect } from "effect"`, 0],
      [wallet, `import type { Sql } from "../../shared/runtime/postgres.ts"`, 0],
      [wallet, `import { amountOf } from "../../shared/contract/money.ts"\nimport * as Result from "effect/Result"`, 0],
      ["services/saga/saga.ts", `import { story } from "./story.ts"`, 0],
      [wallet, `import { Clock, Result } from "effect"`, 1],
      [wallet, `import * as Everything from "effect"`, 1],
      [wallet, `import { now } from "../../shared/runtime/clock.ts"`, 1],
      [wallet, `export { save } from "./store.ts"`, 1],
      [wallet, `const { v4 } = await import("uuid")\nimport "node:fs"`, 2],
      [anywhere, `import { Clock } from "effect"`, 0]
    ]
  ],
  "separate services": [
    separateServices,
    [
      [anywhere, `import { a } from "./wallet.ts"\nimport { b } from "../../shared/contract/b.ts"`, 0],
      [anywhere, `import type { a } from "../saga/saga.ts"`, 1],
      ["services/api/routes/wallets.ts", `import { load } from "../../wallet/store.ts"`, 1],
      ["services/api/main.ts", `import { layer } from "../wallet/handle.ts"`, 0],
      ["infra/embedded/main.ts", `import { layer } from "../../services/wallet/handle.ts"`, 0]
    ]
  ],
  "shared alone": [
    sharedAlone,
    [
      ["shared/runtime/run.ts", `import { a } from "../contract/a.ts"`, 0],
      ["shared/runtime/run.ts", `import { a } from "../../services/wallet/wallet.ts"`, 1],
      ["shared/runtime/run.ts", `import { a } from "../../infra/testing/postgres.ts"`, 1],
      ["shared/runtime/run.test.ts", `import { a } from "../../infra/testing/postgres.ts"`, 0]
    ]
  ],
  "the Kafka client": [
    kafkaAtHome,
    [
      ["shared/runtime/bus/redpanda/client.ts", `import { KafkaJS } from "@confluentinc/kafka-javascript"`, 0],
      ["shared/runtime/bus/embedded.ts", `import type { KafkaJS } from "@confluentinc/kafka-javascript"`, 1],
      ["infra/broker.ts", `const client = require("@confluentinc/kafka-javascript")`, 1]
    ]
  ],
  "SQL in stores": [
    words.sqlInStores,
    [
      ["services/wallet/store.ts", "sql`select 1`", 0],
      ["shared/runtime/journal.ts", "sql`select 1`", 0],
      [anywhere, "const a = 'sql`select 1`' // sql`select 1`", 0],
      [anywhere, "sql`select 1`", 1],
      [anywhere, "sql<Row<A>>`select 1`", 1],
      [anywhere, "tx.unsafe(text)", 1]
    ]
  ],
  "exact money": [
    words.exactMoney,
    [
      [anywhere, "Number(count) + amount", 0],
      [anywhere, "Number(event.amount)", 1],
      [anywhere, "Number((a, walletBalance))", 1],
      ["shared/contract/money.ts", "Number.parseFloat(text)", 1],
      ["bench/main.ts", "Number(amount)", 0]
    ]
  ],
  "telling names": [
    words.tellingNames,
    [
      [anywhere, "const implicit = manage(implementation, x.helper) // Util", 0],
      [anywhere, "class WalletManager { helperOf() {} }\nconst x = stringUtils, y = ClockImpl", 4],
      ["shared/runtime/sql-util.ts", "", 1],
      ["shared/runtime/StoreImpl.ts", "", 1]
    ]
  ],
  "nothing ambient": [
    words.nothingAmbient,
    [
      [anywhere, "new Date(time)\nClock.now()\nrequest.setTimeout(5)\nconst s = 'Date.now()' // Math.random()", 0],
      [anywhere, "Date.now()\nnew Date()\nnew Date\nMath.random()", 4],
      [anywhere, "setTimeout(f, 1)\nglobalThis.setInterval(f, 1)\ncrypto.randomUUID()\nconsole.log(1)", 4],
      ["shared/runtime/clock.ts", "Date.now()", 0],
      ["services/wallet/wallet.test.ts", "Date.now()", 0]
    ]
  ],
  "nothing hidden": [
    words.nothingHidden,
    [
      [anywhere, "const any = 1\nconst s = '@ts-ignore : any'", 0],
      [anywhere, "let a: any\nlet b = a as any", 2],
      [anywhere, "// @ts-ignore\n/* @ts-nocheck */", 2],
      [anywhere, "test.only('a', f)", 1]
    ]
  ],
  "nothing skipped": [
    words.nothingSkipped,
    [
      [anywhere, "test.skipIf(!java)('a', f)\nstream.skip(1)", 0],
      [anywhere, "test.skip('a', f)\ndescribe.todo('b')\nxit('c', f)", 3]
    ]
  ]
}

const files = sourceFiles()
const shortened = (text: string) =>
  text
    .replaceAll("\n", "⏎")
    .replace(/(.{2,10}⏎)\1+/g, "$1…")
    .slice(0, 70)

for (const [name, [rule, planted]] of Object.entries(rules))
  describe(name, () => {
    for (const [path, text, violations] of planted)
      test(`${violations} in ${path}: ${shortened(text)}`, () => {
        expect(rule(path, text)).toHaveLength(violations)
      })

    test("holds everywhere", () => {
      const broken = files.flatMap((path) =>
        rule(path, readSource(path)).map(({ line, message }) => `${path}:${line} ${name}: ${message}`)
      )
      expect(broken).toEqual([])
    })
  })

test("a violation names its line", () => {
  const text = "const a = `\n$" + "{b}\n`\n\nconsole.log(a)"
  expect(words.nothingAmbient(anywhere, text)).toEqual([{ line: 5, message: "console: log through Effect" }])
})

test("the repository has source files", () => expect(files).toContain("shared/tidy.test.ts"))

test("a service with code has a README", () => {
  expect(servicesWithoutReadme([wallet], () => false)).toEqual(["services/wallet/README.md"])
  expect(servicesWithoutReadme(files, (path) => existsSync(join(root, path)))).toEqual([])
})

test("the pure deciders are where the rule looks for them", () => {
  expect(decidersAreKnown([anywhere])).toBe(false)
  expect(decidersAreKnown([anywhere, wallet])).toBe(true)
  expect(decidersAreKnown(files)).toBe(true)
})
