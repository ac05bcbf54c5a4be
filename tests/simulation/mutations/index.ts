/** The catalogue of deliberate protocol bugs: whoever finds none of them has looked at nothing. */
import type { Mutate } from "../world.ts"
import { GATEWAY } from "./gateway.ts"
import { RUNTIME } from "./runtime.ts"
import { SAGA } from "./saga.ts"
import { WALLET } from "./wallet.ts"

export const MUTATIONS: Readonly<Record<string, Mutate>> = { ...SAGA, ...WALLET, ...GATEWAY, ...RUNTIME }
