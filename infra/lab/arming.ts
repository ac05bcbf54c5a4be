/** What the lab has armed at the simulator, so that it can be taken back whatever happens: faults of others stay. */
import type { Provider, Simulator } from "../demo/client.ts"
import type { Arm } from "./case.ts"

export class Arming {
  private readonly simulator: Simulator
  private readonly providers = new Set<Provider>()
  private callbacks = false
  private over = false

  constructor(simulator: Simulator) {
    this.simulator = simulator
  }

  async arm({ at, behaviour }: Arm, first: Provider): Promise<void> {
    if (this.over) return
    if (at === "callbacks") {
      this.callbacks = true
      return await this.simulator.callBack(behaviour)
    }
    this.providers.add(first)
    const code = behaviour["code"]
    const one = typeof code === "object" && code !== null ? { code: (code as Record<string, unknown>)[first] } : {}
    await this.simulator.behave(first, { ...behaviour, ...one })
  }

  /** Each provider's fault that was armed here is off; call-backs are sent well again. */
  async disarm(): Promise<void> {
    for (const provider of this.providers) await this.simulator.behave(provider, { fault: "none" })
    this.providers.clear()
    if (this.callbacks) await this.simulator.callBack({})
    this.callbacks = false
  }

  /** Nothing can be armed after this. */
  async end(): Promise<void> {
    this.over = true
    await this.disarm()
  }
}
