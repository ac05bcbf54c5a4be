/** How a deliberate bug is put into the simulation's composition: around a decider, the calls or the store. */
import { Effect } from "effect"
import type { GatewayEffect } from "../../../services/gateway/calls.ts"
import type { Addressed } from "../../../services/gateway/effects.ts"
import type { Fact, Message } from "../../../shared/contract/envelope.ts"
import type { Outgoing, Posting, Projected } from "../../../shared/runtime/decider.ts"
import type { Store, Write } from "../../../shared/runtime/journal/store.ts"
import type { Composition } from "../platform.ts"
import type { Mutate, World } from "../world.ts"

export type Name = "wallet" | "payment" | "saga" | "gateway"
/** Data of facts, loosely: what is bent here was typed where it was made. */
export type Data = Readonly<Record<string, unknown>>
export type Facts = ReadonlyArray<Fact>
type State = Data | undefined
/** The inside of a decider without its types. */
interface Loose {
  readonly decide: (
    state: State,
    message: Message,
    now: number
  ) => { readonly events?: Facts; readonly refusal?: object }
  readonly evolve: (state: State, event: Message) => State
  readonly react: (
    state: State,
    event: Fact
  ) => { readonly commands?: ReadonlyArray<Outgoing>; readonly effects?: object }
  readonly wakeAt: (state: State) => number | undefined
  readonly postings: (event: Fact) => ReadonlyArray<Posting>
  readonly project: (state: State, event: Fact, cause: Message) => ReadonlyArray<Projected>
}

const around =
  (name: Name, change: (own: Loose) => Partial<Loose>): Mutate =>
  (parts) =>
    ({ ...parts, [name]: { ...parts[name], ...change(parts[name] as unknown as Loose) } }) as Composition

export const dataOf = ({ data }: Fact | Message): Data => data as Data

/** The events of every decision of a service, bent. */
export const events = (
  name: Name,
  bend: (events: Facts, state: State, message: Message, now: number) => Facts
): Mutate =>
  around(name, ({ decide }) => ({
    decide: (state, message, now) => {
      const decided = decide(state, message, now)
      return decided.events === undefined ? decided : { events: bend(decided.events, state, message, now) }
    }
  }))

/** One kind of event, bent; undefined: it is not said. */
export const event = (name: Name, type: string, bend: (data: Data, state: State) => Data | undefined): Mutate =>
  events(name, (all, state) =>
    all.flatMap((fact) => {
      if (fact.type !== type) return [fact]
      const data = bend(dataOf(fact), state)
      return data === undefined ? [] : [{ ...fact, data }]
    })
  )

/** What a service decides on one kind of message, instead; undefined: as always. */
export const instead = (
  name: Name,
  type: string,
  decides: (state: State, data: Data, now: number) => Facts | undefined
): Mutate =>
  around(name, ({ decide }) => ({
    decide: (state, message, now) => {
      const all = message.type === type ? decides(state, dataOf(message), now) : undefined
      return all === undefined ? decide(state, message, now) : { events: all }
    }
  }))

/** The decision made on another state or message than the true one. */
export const seeing = (name: Name, look: (state: State, message: Message) => readonly [State, Message]): Mutate =>
  around(name, ({ decide }) => ({ decide: (state, message, now) => decide(...look(state, message), now) }))

export const commands = (
  name: Name,
  bend: (all: ReadonlyArray<Outgoing>, event: Fact) => ReadonlyArray<Outgoing>
): Mutate =>
  around(name, ({ react }) => ({
    react: (state, event) => {
      const reaction = react(state, event)
      return reaction.commands === undefined ? reaction : { ...reaction, commands: bend(reaction.commands, event) }
    }
  }))
export const withoutCommand = (name: Name, type: string): Mutate =>
  commands(name, (all) => all.filter(({ command }) => command.type !== type))

export const wakes = (name: Name, at: (state: State, usual: number | undefined) => number | undefined): Mutate =>
  around(name, ({ wakeAt }) => ({ wakeAt: (state) => at(state, wakeAt(state)) }))

export const withoutPosting = (name: Name, kind: string): Mutate =>
  around(name, ({ postings }) => ({ postings: (event) => postings(event).filter((posting) => posting.kind !== kind) }))

export const withoutRow = (name: Name, type: string): Mutate =>
  around(name, ({ project }) => ({
    project: (state, event, cause) => (event.type === type ? [] : project(state, event, cause))
  }))

/** What a call brings back, bent. */
export const answers = (bend: (answer: Data, call: Data) => Data): Mutate =>
  calls((call, perform) =>
    Effect.map(perform(call), (all) =>
      all.map((addressed): Addressed => {
        const { type } = addressed.command
        if (type === "RecordBreaker") return addressed
        const data = bend(addressed.command.data as unknown as Data, call as unknown as Data)
        return { ...addressed, command: { type, data } as unknown as Addressed["command"] }
      })
    )
  )

type Perform = ReturnType<Composition["perform"]>
export const calls =
  (change: (call: GatewayEffect, perform: Perform) => ReturnType<Perform>): Mutate =>
  (parts) => ({
    ...parts,
    perform: () => {
      const perform = parts.perform()
      return (call, by) => change(call, (bent) => perform(bent, by))
    }
  })

export const store =
  (change: (store: Store, world: World) => Partial<Store>): Mutate =>
  (parts, world) => ({
    ...parts,
    store: (plain) => {
      const inner = parts.store(plain)
      return { ...inner, ...change(inner, world) }
    }
  })

export const writes = (bend: (write: Write, world: World) => Write): Mutate =>
  store((inner, world) => ({ write: (write) => Effect.suspend(() => inner.write(bend(write, world))) }))

export const both =
  (one: Mutate, other: Mutate): Mutate =>
  (parts, world) =>
    other(one(parts, world), world)
