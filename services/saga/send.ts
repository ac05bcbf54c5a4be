/** Commands as the stories send them: each to its owner's stream. */
import type { Fact } from "../../shared/contract/envelope.ts"
import type { GatewayCommand } from "../../shared/contract/gateway.ts"
import type { PaymentCommand } from "../../shared/contract/payment.ts"
import type { Topic } from "../../shared/contract/topics.ts"
import type { WalletCommand } from "../../shared/contract/wallet.ts"

export interface Send {
  readonly topic: Topic
  readonly subject: string
  readonly command: Fact
}

export const toPayment = (id: string, command: PaymentCommand): Send => ({
  topic: "payment-commands",
  subject: `payment-${id}`,
  command
})
export const toWallet = (id: string, command: WalletCommand): Send => ({
  topic: "wallet-commands",
  subject: `wallet-${id}`,
  command
})
export const toGateway = (id: string, command: GatewayCommand): Send => ({
  topic: "gateway-commands",
  subject: `gateway-${id}`,
  command
})
