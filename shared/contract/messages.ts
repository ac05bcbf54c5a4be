/** All messages there are, by type. */
import { AuditCommands, AuditEvents } from "./audit.ts"
import type { Catalogue, Entry } from "./catalogue.ts"
import { ConsistencyEvents } from "./consistency.ts"
import { DeadLetterCommands } from "./deadletter.ts"
import { GatewayCommands, GatewayEvents } from "./gateway.ts"
import { PaymentCommands, PaymentEvents } from "./payment.ts"
import { NotificationCommands, NotificationEvents, SagaCommands, SagaEvents } from "./saga.ts"
import { TimerMessages } from "./timer.ts"
import { WalletCommands, WalletEvents } from "./wallet.ts"

export const EVENTS = {
  ...PaymentEvents,
  ...WalletEvents,
  ...GatewayEvents,
  ...SagaEvents,
  ...NotificationEvents,
  ...AuditEvents,
  ...ConsistencyEvents
} as const
export const COMMANDS = {
  ...PaymentCommands,
  ...WalletCommands,
  ...GatewayCommands,
  ...SagaCommands,
  ...NotificationCommands,
  ...AuditCommands,
  ...TimerMessages,
  ...DeadLetterCommands
} as const

const all: Catalogue = { ...EVENTS, ...COMMANDS }

export const describe = (type: string): Entry | undefined => (Object.hasOwn(all, type) ? all[type] : undefined)
export const types = (): ReadonlyArray<string> => Object.keys(all)
