/** Is there a platform, does it take the key, and are its providers that simulator? One line says which is not so. */
import { type Client, type Provider, type Simulator, until } from "../demo/client.ts"
import { idOf, type Place } from "../demo/stage.ts"

/** Why the lab cannot play; for people, in one line. */
export class Unreachable extends Error {}

const HEALTH_MS = 3_000

const answers = (url: string): Promise<boolean> =>
  fetch(url, { signal: AbortSignal.timeout(HEALTH_MS) }).then(
    ({ ok }) => ok,
    () => false
  )

/** One payment of one minor unit shows which provider is asked first; its charge must stand in the simulator's book. */
export const firstProvider = async (place: Place, api: Client, simulator: Simulator): Promise<Provider> => {
  if (!(await answers(`${place.url()}/ready`)))
    throw new Unreachable(`no platform is ready at ${place.url()}: run npm start, or name yours with --url`)
  if (!(await answers(`${place.simulatorUrl()}/_sim/health`)))
    throw new Unreachable(
      `no simulator at ${place.simulatorUrl()}: the lab arms faults there, so it never plays with PROVIDERS=live`
    )
  const allowed = await api.send("GET", "/ops/circuit-breakers")
  if (allowed.status !== 200)
    throw new Unreachable(`the platform refuses the key (${allowed.status}): name one with all scopes with --key`)
  const { id: wallet } = await api.open(`lab-${crypto.randomUUID()}`, 1)
  const paid = await api.pay({ wallet, amount: 1, merchant: "lab", key: `lab-${wallet}` })
  if (paid.status !== 201)
    throw new Unreachable(`a plain payment does not go through there (${paid.status}): mend that`)
  const booked = (await simulator.ledger(idOf(paid))).find(({ kind }) => kind === "charge")
  if (booked === undefined)
    throw new Unreachable(`the platform's providers are not the simulator at ${place.simulatorUrl()}: see --simulator`)
  return booked.provider as Provider
}

interface Breaker {
  readonly provider: string
  readonly state: string
}

/** Breakers that a case has opened would make the next one another case. */
export const openBreakers = async (api: Client): Promise<ReadonlySet<string>> => {
  const { data } = await api.read<{ readonly data: ReadonlyArray<Breaker> }>("/ops/circuit-breakers")
  return new Set(data.filter(({ state }) => state !== "closed").map(({ provider }) => provider))
}

export const closeBreakers = async (api: Client, before: ReadonlySet<string>, id: string): Promise<void> => {
  for (const provider of await openBreakers(api))
    if (!before.has(provider))
      await api.send("POST", `/ops/circuit-breakers/${provider}/close`, { reason: `opened by lab case ${id}` })
  await until(
    "the breakers are closed",
    () => openBreakers(api),
    (open) => [...open].every((provider) => before.has(provider))
  )
}
