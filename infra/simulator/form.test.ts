import { expect, test } from "bun:test"
import { parseForm } from "./form.ts"

const plain = (text: string): unknown => JSON.parse(JSON.stringify(parseForm(text)))

test("nested names become nested values, however the brackets are written", () => {
  expect(plain("a=1&b[c]=2&b[d][e]=3&f[0]=x&f[1]=y")).toEqual({
    a: "1",
    b: { c: "2", d: { e: "3" } },
    f: { 0: "x", 1: "y" }
  })
  expect(plain("b%5Bc%5D=x%20y+z&g[]=1&g[]=2")).toEqual({ b: { c: "x y z" }, g: { 0: "1", 1: "2" } })
  expect(plain("")).toEqual({})
  expect(plain("a&b=%E0%A4")).toEqual({ a: "", b: "%E0%A4" })
})

test("a parameter named like a property of every object is only a parameter", () => {
  expect(Object.keys(parseForm("__proto__[x]=1&constructor=2"))).toEqual(["__proto__", "constructor"])
  expect(({} as Record<string, unknown>)["x"]).toBeUndefined()
})
