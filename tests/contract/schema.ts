/** As much of JSON Schema as the served document uses. Each fault is one line: where, and what is wrong. */

export type Json = { readonly [name: string]: unknown }

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value)

const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: (value) => typeof value === "string",
  integer: (value) => Number.isSafeInteger(value),
  number: (value) => typeof value === "number",
  boolean: (value) => typeof value === "boolean",
  null: (value) => value === null,
  array: Array.isArray,
  object: isObject
}

const WORDS = `type properties required additionalProperties items enum anyOf oneOf allOf $ref pattern minimum maximum
  minLength maxLength maxProperties propertyNames patternProperties format description title const examples default`
const KNOWN = new Set(WORDS.split(/\s+/))

export const resolve = (document: Json, pointer: string): Json =>
  pointer
    .slice(2)
    .split("/")
    .reduce((node, key) => node[key.replaceAll("~1", "/").replaceAll("~0", "~")] as Json, document)

export const faults = (document: Json, schema: Json, value: unknown, at = "$"): ReadonlyArray<string> => {
  const unknown = Object.keys(schema).filter((word) => !KNOWN.has(word))
  if (unknown.length > 0) return [`${at}: the checker does not know ${unknown.join(", ")}`]
  if (typeof schema["$ref"] === "string") return faults(document, resolve(document, schema["$ref"]), value, at)
  const { type, minimum, maximum, pattern } = schema
  const types = type === undefined ? [] : [type].flat().map(String)
  if (types.length > 0 && !types.some((name) => TYPES[name]?.(value))) return [`${at}: ${show(value)} is no ${types}`]
  const found: Array<string> = []
  if (Array.isArray(schema["enum"]) && !schema["enum"].includes(value))
    found.push(`${at}: ${show(value)} is not listed`)
  if (typeof value === "number" && typeof minimum === "number" && value < minimum)
    found.push(`${at}: ${value} is too low`)
  if (typeof value === "number" && typeof maximum === "number" && value > maximum)
    found.push(`${at}: ${value} is too high`)
  if (typeof value === "string" && typeof pattern === "string" && !new RegExp(pattern, "u").test(value))
    found.push(`${at}: ${value} does not match ${pattern}`)
  if (typeof value === "string" && !hasFormat(value, schema["format"]))
    found.push(`${at}: ${value} is no ${schema["format"]}`)
  for (const each of (schema["allOf"] ?? []) as ReadonlyArray<Json>) found.push(...faults(document, each, value, at))
  const options = (schema["anyOf"] ?? schema["oneOf"]) as ReadonlyArray<Json> | undefined
  const misfits = options?.map((option) => faults(document, option, value, at))
  if (misfits?.every(({ length }) => length > 0)) found.push(`${at}: none of its forms: ${misfits.flat().join("; ")}`)
  if (Array.isArray(value) && isObject(schema["items"]))
    for (const [i, item] of value.entries()) found.push(...faults(document, schema["items"], item, `${at}[${i}]`))
  return isObject(value) ? [...found, ...members(document, schema, value, at)] : found
}

const members = (document: Json, schema: Json, value: Json, at: string): ReadonlyArray<string> => {
  const properties = (schema["properties"] ?? {}) as Readonly<Record<string, Json>>
  const others = schema["additionalProperties"]
  const missing = ((schema["required"] ?? []) as ReadonlyArray<string>).filter((name) => value[name] === undefined)
  const found = missing.map((name) => `${at}.${name} is missing`)
  for (const [name, member] of Object.entries(value)) {
    const known = properties[name] ?? (isObject(others) ? others : undefined)
    if (known !== undefined) found.push(...faults(document, known, member, `${at}.${name}`))
    // Adding a field is free for a server; here it means that the document forgot one.
    else if (schema["properties"] !== undefined) found.push(`${at}.${name} is not in the document`)
  }
  return found
}

const hasFormat = (value: string, format: unknown): boolean => {
  if (format === "uuid") return /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(value)
  if (format === "date-time") return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value)
  return true
}

const show = (value: unknown): string => String(JSON.stringify(value)).slice(0, 80)
