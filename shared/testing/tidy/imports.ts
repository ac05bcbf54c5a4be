// Who may import whom. Data flows one way, and a reader who is in one service's folder never has to open another's.
import { dirname, join } from "node:path/posix"
import { isTest, isUnder, type Rule, serviceOf, type Violation } from "./rule.ts"
import { codeOf, runs, type Token, unquoted } from "./tokens.ts"

type Import = {
  readonly line: number
  /** As written. */
  readonly from: string
  /** A relative import as a path from the repository's root, any other as written. */
  readonly target: string
  /** The names that exist at run time; undefined when that is the whole module. */
  readonly values: ReadonlyArray<string> | undefined
}

/** The names between `import` (or `export`) and `from` that are not only types. */
const valuesOf = (clause: ReadonlyArray<Token>): ReadonlyArray<string> | undefined => {
  if (clause[0]?.text === "type") return []
  if (clause[0]?.text !== "{") return undefined
  const names = clause.filter(({ kind }, i) => kind === "word" && /^[{,]$/.test(clause[i - 1]?.text ?? ""))
  return names.filter(({ text }) => text !== "type").map(({ text }) => text)
}

export const importsOf = (path: string, text: string): ReadonlyArray<Import> => {
  const tokens = codeOf(text)
  return tokens.flatMap((token, i) => {
    if (token.kind !== "string") return []
    const isCall = runs(tokens, i - 2, /^(import|require)$/, "(")
    if (!isCall && !/^(from|import)$/.test(tokens[i - 1]?.text ?? "")) return []
    const from = unquoted(token)
    const target = from.startsWith(".") ? join(dirname(path), from) : from
    const start = tokens
      .slice(0, i)
      .findLastIndex(({ kind, text }) => kind === "word" && /^(import|export)$/.test(text))
    return [{ line: token.line, from, target, values: isCall ? undefined : valuesOf(tokens.slice(start + 1, i - 1)) }]
  })
}

const refuse = (path: string, text: string, message: (found: Import) => string | undefined): Array<Violation> =>
  importsOf(path, text).flatMap((found) => {
    const said = message(found)
    return said === undefined ? [] : [{ line: found.line, message: said }]
  })

/** The business rules: everything else in the repository exists to feed them and to carry out what they decide. */
export const PURE_MODULES: ReadonlyArray<string> = [
  "services/wallet/wallet.ts",
  "services/wallet/holds.ts",
  "services/wallet/decided.ts",
  "services/wallet/deductions.ts",
  "services/wallet/funds.ts",
  "services/wallet/transfers.ts",
  "services/wallet/withdrawals.ts",
  "services/payment/payment.ts",
  "services/audit/action.ts",
  "services/api/reconciliation/csv.ts",
  "services/api/reconciliation/match.ts",
  "services/api/reconciliation/report.ts",
  "services/payment/refunds.ts",
  "services/notification/notification.ts",
  "services/saga/saga.ts",
  "services/saga/state.ts",
  "services/saga/evolve.ts",
  "services/saga/recover.ts",
  "services/saga/undo.ts",
  "services/saga/send.ts",
  "services/saga/story.ts",
  "services/saga/answers.ts",
  "services/saga/refund.ts",
  "services/saga/refund-story.ts",
  "services/gateway/attempt.ts",
  "services/gateway/breaker.ts",
  "services/gateway/calls.ts",
  "services/gateway/choose.ts",
  "services/gateway/evolve.ts",
  "services/gateway/next.ts",
  "services/gateway/notice.ts",
  "services/gateway/operator.ts",
  "services/gateway/refunds.ts",
  "services/gateway/rules.ts"
]

const PURE_EFFECT = ["Result", "HashMap", "Option"]

const isPure = ({ target, values }: Import): boolean =>
  values?.length === 0 ||
  isUnder(target, "shared/contract") ||
  PURE_MODULES.includes(target) ||
  (target === "effect" && values !== undefined && values.every((name) => PURE_EFFECT.includes(name))) ||
  PURE_EFFECT.some((name) => target === `effect/${name}`)

/** A decider sees no clock, no chance and no outside: time and ids arrive in the command. */
export const pureDeciders: Rule = (path, text) =>
  PURE_MODULES.includes(path)
    ? refuse(path, text, (found) =>
        isPure(found)
          ? undefined
          : `a pure module imports ${found.from}; it may import types, ${PURE_EFFECT.join(", ")}, shared/contract`
      )
    : []

/** Only a main file composes services; everybody else meets them through shared/contract. */
export const separateServices: Rule = (path, text) => {
  const own = serviceOf(path)
  if (own === undefined || path.endsWith("/main.ts")) return []
  return refuse(path, text, ({ target }) => {
    const other = serviceOf(target)
    return other === undefined || other === own ? undefined : `services/${own} imports services/${other}`
  })
}

/** What is shared knows none of its users. Its tests may ask infra/testing for a database. */
export const sharedAlone: Rule = (path, text) =>
  isUnder(path, "shared")
    ? refuse(path, text, ({ target }) => {
        const allowed = isTest(path) && isUnder(target, "infra/testing")
        return isUnder(target, "services", "infra") && !allowed ? `shared code imports ${target}` : undefined
      })
    : []

const KAFKA = "@confluentinc/kafka-javascript"

/** The Kafka client is a native addon that Bun cannot load, so one folder alone may touch it. */
export const kafkaAtHome: Rule = (path, text) =>
  isUnder(path, "shared/runtime/bus/redpanda")
    ? []
    : refuse(path, text, ({ from }) =>
        from === KAFKA || from.startsWith(`${KAFKA}/`) ? `${KAFKA} outside shared/runtime/bus/redpanda` : undefined
      )
