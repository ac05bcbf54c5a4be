/** Plays one case: arms, does, checks, and takes back what it armed. */
import type { Terminal } from "../demo/terminal.ts"
import type { Arming } from "./arming.ts"
import type { Case } from "./case.ts"
import { Lab } from "./lab.ts"
import { closeBreakers, openBreakers } from "./reach.ts"
import { begun, type Verdict } from "./telling.ts"

export interface Playing {
  readonly place: ConstructorParameters<typeof Lab>[0]
  readonly first: Lab["first"]
  readonly terminal: Terminal
  readonly arming: Arming
}

/** A case that cannot be played to its end is one more thing that is not so. */
export const play = async (of: Case, { place, first, terminal, arming }: Playing): Promise<Verdict> => {
  terminal.print(begun(of, terminal.paint))
  let facts = 0
  let holds = true
  const lab = new Lab(place, terminal, first)
  const fact = (says: string, isSo: boolean, seen: string) => {
    facts++
    holds &&= isSo
    lab.fact(says, isSo, seen)
  }
  const before = await openBreakers(lab.api)
  try {
    for (const arm of of.arms) await arming.arm(arm, first)
    const seen = await of.play(lab)
    for (const [says, isSo, shows] of of.must) fact(says, isSo(seen), shows(seen))
  } catch (error) {
    fact("the case is played to its end", false, error instanceof Error ? error.message : String(error))
  } finally {
    await arming.disarm()
    await closeBreakers(lab.api, before, of.id)
  }
  return { id: of.id, facts, holds }
}
