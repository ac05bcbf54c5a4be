/** Stripe's request bodies: `application/x-www-form-urlencoded` with nested names, `a[b]=c` and `a[0]=x`. */

export type Form = { [name: string]: string | Form }

/** Deeper names are refused rather than built: the API has none deeper than five. */
const MAX_DEPTH = 8

const decode = (text: string): string => {
  if (!/[%+]/.test(text)) return text
  try {
    return decodeURIComponent(text.replaceAll("+", " "))
  } catch {
    return text
  }
}

const put = (form: Form, name: string, value: string): void => {
  const bracket = name.indexOf("[")
  if (bracket < 0) {
    form[name] = value
    return
  }
  const path = [name.slice(0, bracket), ...name.slice(bracket + 1, name.endsWith("]") ? -1 : undefined).split("][")]
  if (path.length > MAX_DEPTH) return
  let at = form
  for (const part of path.slice(0, -1)) {
    const inner = at[part]
    at = typeof inner === "object" ? inner : (at[part] = emptyForm())
  }
  const last = path[path.length - 1] ?? ""
  // An array written as `a[]=x` gets the next free index.
  at[last === "" ? String(Object.keys(at).length) : last] = value
}

/** Without a prototype: a parameter called `constructor` is only a parameter. */
export const emptyForm = (): Form => Object.create(null) as Form

export const parseForm = (text: string): Form => {
  const form = emptyForm()
  if (text === "") return form
  for (const pair of text.split("&")) {
    if (pair === "") continue
    const equals = pair.indexOf("=")
    if (equals < 0) put(form, decode(pair), "")
    else put(form, decode(pair.slice(0, equals)), decode(pair.slice(equals + 1)))
  }
  return form
}

export const text = (form: Form, name: string): string | undefined => {
  const value = form[name]
  return typeof value === "string" && value !== "" ? value : undefined
}

export const group = (form: Form, name: string): Form | undefined => {
  const value = form[name]
  return typeof value === "object" ? value : undefined
}

export const flatStrings = (form: Form | undefined): Record<string, string> => {
  const out: Record<string, string> = {}
  for (const [name, value] of Object.entries(form ?? {}))
    if (typeof value === "string" && value !== "") out[name] = value
  return out
}
