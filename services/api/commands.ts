/** From a request to the message a decider gets: everything that travels with a command, in one place. */
import type { AuditCommand } from "../../shared/contract/audit.ts"
import { partitionKey, schemaVersion } from "../../shared/contract/codec.ts"
import type { Fact, Message } from "../../shared/contract/envelope.ts"
import type { GatewayCommand } from "../../shared/contract/gateway.ts"
import type { PaymentCommand } from "../../shared/contract/payment.ts"
import type { SagaCommand } from "../../shared/contract/saga.ts"
import type { WalletCommand } from "../../shared/contract/wallet.ts"
import type { ApiRequest } from "./route.ts"

/** What of a request travels with its commands. */
export type Asked = Pick<ApiRequest, "now" | "principal" | "trace">

/** `id` is the command's identity for ever: the id of what it makes, so a repeated command is found by it. */
const message = (asked: Asked, id: string, userId: string, about: string, subject: string, command: Fact): Message => ({
  ...command,
  id,
  subject,
  time: asked.now,
  tenant: asked.principal.tenant,
  partitionkey: partitionKey(asked.principal.tenant, userId),
  correlationid: about,
  causationid: id,
  actor: asked.principal.actor,
  traceparent: asked.trace.traceparent,
  schema: schemaVersion(command.type)
})

export const toPayment = (asked: Asked, id: string, userId: string, command: PaymentCommand): Message => {
  const { payment_id } = command.data
  return message(asked, id, userId, payment_id, `payment-${payment_id}`, command)
}

export const toWallet = (asked: Asked, id: string, userId: string, command: WalletCommand): Message => {
  const { wallet_id } = command.data
  return message(asked, id, userId, wallet_id, `wallet-${wallet_id}`, command)
}

/** Audit entries have one writer per tenant: their key names no user (DECISIONS D0). */
export const toAudit = (asked: Asked, id: string, command: AuditCommand): Message => {
  const { action_id } = command.data
  return message(asked, id, "", action_id, `action-${action_id}`, command)
}

export const toSaga = (asked: Asked, id: string, userId: string, command: SagaCommand): Message => {
  const { payment_id } = command.data
  return message(asked, id, userId, payment_id, `saga-${payment_id}`, command)
}

type ResolveAttempt = Extract<GatewayCommand, { readonly type: "ResolveAttempt" }>
type ForceBreaker = Extract<GatewayCommand, { readonly type: "ForceBreaker" }>

export const toGateway = (asked: Asked, id: string, userId: string, command: ResolveAttempt): Message => {
  const { payment_id } = command.data
  return message(asked, id, userId, payment_id, `gateway-${payment_id}`, command)
}

/** A breaker is its provider's, for all tenants: its key names nobody else (DECISIONS D7). */
export const toBreaker = (asked: Asked, id: string, command: ForceBreaker): Message => {
  const { provider } = command.data
  return { ...message(asked, id, "", provider, `breaker-${provider}`, command), partitionkey: provider }
}
