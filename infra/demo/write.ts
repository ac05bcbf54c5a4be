/** docs/scenarios.md, from scenarios played for it. */
import { drawings, page, passedTheCheck } from "./page.ts"
import { Platform } from "./platform.ts"
import { playAll, SCENARIOS } from "./play.ts"
import { terminalOn } from "./terminal.ts"

/** Whether the loser of two payments gets past the check is a matter of a millisecond; the page shows both. */
const TRIES_MAX = 10

export const scenariosPage = async (): Promise<string> => {
  const terminal = terminalOn(process.stderr)
  for (let n = 1; n <= TRIES_MAX; n++) {
    const platform = new Platform()
    try {
      const drawn = drawings(await playAll(platform, SCENARIOS, terminal))
      if (passedTheCheck(drawn)) return page(drawn)
    } finally {
      await platform.stop()
    }
  }
  throw new Error(`of ${TRIES_MAX} meetings of two payments none was decided at the debit`)
}
