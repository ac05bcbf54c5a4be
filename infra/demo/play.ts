/** Plays scenarios on a platform of their own, one after the other, and answers the stories. */
import { clientAt } from "./client.ts"
import type { Platform } from "./platform.ts"
import { concurrent } from "./scenarios/concurrent.ts"
import { funds } from "./scenarios/funds.ts"
import { happy } from "./scenarios/happy.ts"
import { recovery } from "./scenarios/recovery.ts"
import { timeout } from "./scenarios/timeout.ts"
import { type Listener, type Scenario, Stage } from "./stage.ts"
import type { Story } from "./story.ts"

export const SCENARIOS: ReadonlyArray<Scenario> = [happy, funds, timeout, concurrent, recovery]

/** A process's first payments are slow, and would be taken for the platform's speed. */
const WARM_UP_PAYMENTS = 5

const warmUp = async (platform: Platform): Promise<void> => {
  const api = clientAt(platform.url, platform.apiKey)
  const { id } = await api.open("warm-up", WARM_UP_PAYMENTS)
  for (let n = 0; n < WARM_UP_PAYMENTS; n++)
    await api.pay({ wallet: id, amount: 1, merchant: "warm-up", key: `warm-up-${n}` })
}

export const playAll = async (
  platform: Platform,
  scenarios: ReadonlyArray<Scenario>,
  listener: Listener
): Promise<ReadonlyArray<Story>> => {
  listener.waits("a platform of its own starts: Postgres, services, simulated providers")
  await platform.start()
  await warmUp(platform)
  const stories: Array<Story> = []
  for (const scenario of scenarios) {
    const stage = new Stage(platform, listener)
    await stage.simulator.reset()
    listener.begins(scenario)
    await scenario.play(stage)
    stories.push(stage.storyOf(scenario))
  }
  listener.waits("the platform stops")
  await platform.stop()
  return stories
}
