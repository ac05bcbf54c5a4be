/** X.509 certificates, written by hand in DER: the runtime can read certificates but not make them. */
import { createPrivateKey, createPublicKey, sign } from "node:crypto"

const der = (tag: number, ...parts: ReadonlyArray<Uint8Array>): Buffer => {
  const body = Buffer.concat(parts)
  const size = body.length
  const length = size < 128 ? [size] : size < 256 ? [0x81, size] : [0x82, size >> 8, size & 0xff]
  return Buffer.concat([Buffer.from([tag, ...length]), body])
}

const sequence = (...parts: ReadonlyArray<Uint8Array>): Buffer => der(0x30, ...parts)
const bytes = (hex: string): Buffer => Buffer.from(hex, "hex")

/** sha256WithRSAEncryption, and its absent parameters. */
const ALGORITHM = sequence(der(0x06, bytes("2a864886f70d01010b")), der(0x05))
const COMMON_NAME = bytes("550403")
const SUBJECT_ALT_NAME_ID = der(0x06, bytes("551d11"))
const BASIC_CONSTRAINTS_ID = der(0x06, bytes("551d13"))

const nameOf = (host: string): Buffer =>
  sequence(der(0x31, sequence(der(0x06, COMMON_NAME), der(0x0c, Buffer.from(host)))))

/** YYMMDDHHMMSSZ, good until 2049. */
const utcTime = (at: number): Buffer =>
  der(0x17, Buffer.from(`${new Date(at).toISOString().slice(2, 19).replace(/\D/g, "")}Z`))

/** Whose certificate it is, or who vouches for it. */
export type Party = { readonly name: string; readonly privateKeyPem: string }

const TRUE = der(0x01, Buffer.from([0xff]))

/** `authority`: it may vouch for others. */
export const issue = (to: Party, by: Party, from: number, until: number, authority = false): string => {
  const key = createPrivateKey(by.privateKeyPem)
  const publicKey = createPublicKey(createPrivateKey(to.privateKeyPem)).export({ type: "spki", format: "der" })
  const names = sequence(SUBJECT_ALT_NAME_ID, der(0x04, sequence(der(0x82, Buffer.from(to.name)))))
  const basic = authority ? [sequence(BASIC_CONSTRAINTS_ID, TRUE, der(0x04, sequence(TRUE)))] : []
  const extensions = der(0xa3, sequence(names, ...basic))
  const version3 = der(0xa0, der(0x02, Buffer.from([2])))
  const serial = der(0x02, Buffer.from([1]))
  const validity = sequence(utcTime(from), utcTime(until))
  const body = sequence(version3, serial, ALGORITHM, nameOf(by.name), validity, nameOf(to.name), publicKey, extensions)
  const signature = der(0x03, Buffer.from([0]), sign("sha256", body, key))
  const base64 = sequence(body, ALGORITHM, signature).toString("base64")
  return `-----BEGIN CERTIFICATE-----\n${base64.replace(/.{64}/g, "$&\n").trimEnd()}\n-----END CERTIFICATE-----\n`
}

export const selfSigned = (privateKeyPem: string, name: string, from: number, until: number): string =>
  issue({ name, privateKeyPem }, { name, privateKeyPem }, from, until)
