/**
 * Access tokens that carry their own expiry, so that they survive a restart of the simulator without being stored.
 * Raising the generation revokes all of them at once.
 */
import { randomBytes } from "node:crypto"
import { now } from "../clock.ts"
import { BadControl, fields, integer } from "../faults.ts"
import { oauthProblem, unauthenticated } from "./problem.ts"
import type { OAuth, Store } from "./records.ts"

const EXPIRES_IN_S = 32_400
const DEFAULTS: OAuth = { id: "oauth", expires_in: EXPIRES_IN_S, generation: 1 }
const PREFIX = "A21AA"

const settings = (store: Store): OAuth => store.oauth.get("oauth") ?? DEFAULTS

export const issueToken = (store: Store, authorization: string | undefined, body: string): object => {
  const basic = /^basic (.+)$/i.exec(authorization ?? "")?.[1]
  const [id, secret] = Buffer.from(basic ?? "", "base64")
    .toString("utf8")
    .split(":")
  if (!id || !secret) throw oauthProblem("invalid_client", "Client Authentication failed")
  if (!/(^|&)grant_type=client_credentials(&|$)/.test(body))
    throw oauthProblem("unsupported_grant_type", "Grant Type is NULL")
  const { expires_in, generation } = settings(store)
  const claims = `${now() + expires_in * 1000}.${generation}.${randomBytes(9).toString("base64url")}`
  return {
    scope: "https://uri.paypal.com/services/payments/payment https://uri.paypal.com/services/payments/refund",
    access_token: PREFIX + Buffer.from(claims).toString("base64url"),
    token_type: "Bearer",
    app_id: "APP-80W284485P519543T",
    expires_in,
    nonce: `${new Date(now()).toISOString()}${randomBytes(12).toString("base64url")}`
  }
}

export const checkToken = (store: Store, authorization: string | undefined): void => {
  if (authorization === undefined) throw unauthenticated()
  const token = /^bearer A21AA(.+)$/i.exec(authorization)?.[1] ?? ""
  const [expires, generation] = Buffer.from(token, "base64url").toString("utf8").split(".")
  if (Number(generation) !== settings(store).generation || !(Number(expires) > now()))
    throw oauthProblem("invalid_token", "The token passed in was not found in the system or has expired")
}

/** `POST /_sim/paypal/oauth {expires_in?, revoke?}` */
export const controlTokens = (store: Store, input: unknown): object => {
  const given = fields(input, ["expires_in", "revoke"])
  if (given["revoke"] !== undefined && typeof given["revoke"] !== "boolean")
    throw new BadControl("revoke: true or false")
  const current = settings(store)
  const expires_in = integer("expires_in", given["expires_in"], 1, 1_000_000) ?? current.expires_in
  const generation = current.generation + (given["revoke"] === true ? 1 : 0)
  return store.oauth.put({ id: "oauth", expires_in, generation })
}
