/** Every case that can be played from outside, by its number. */
import type { Case } from "./case.ts"
import { holdCases } from "./cases/holds.ts"
import { keyCases } from "./cases/keys.ts"
import { moneyCases } from "./cases/money.ts"
import { refundCases } from "./cases/refunds.ts"
import { unknownCases } from "./cases/unknown.ts"

const number = ({ id }: Case): number => Number(id.slice(1))

export const CASES: ReadonlyArray<Case> = [
  ...keyCases,
  ...unknownCases,
  ...refundCases,
  ...holdCases,
  ...moneyCases
].toSorted((a, b) => number(a) - number(b))
