/** Reads a provider's JSON, which is what it is: a missing or odd field is undefined and never an exception. */
export type Json = { readonly [name: string]: unknown }

export const isJson = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value)

export const inner = (json: Json | undefined, ...path: ReadonlyArray<string>): Json | undefined => {
  let at: unknown = json
  for (const name of path) at = isJson(at) ? at[name] : undefined
  return isJson(at) ? at : undefined
}

export const text = (json: Json | undefined, name: string): string | undefined => {
  const value = json?.[name]
  return typeof value === "string" && value !== "" ? value : undefined
}

/** A JSON integer as bigint; beyond 2^53 - 1 JSON.parse has rounded it already, so it counts as unreadable. */
export const integer = (json: Json | undefined, name: string): bigint | undefined => {
  const value = json?.[name]
  return typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : undefined
}

export const list = (json: Json | undefined, name: string): ReadonlyArray<Json> => {
  const value = json?.[name]
  return Array.isArray(value) ? value.filter(isJson) : []
}
