/** The deciders of all stateful services, as the settings want them: what processors run, and what rebuilds replay. */
import { Option } from "effect"
import { auditDecider } from "../../services/audit/decider.ts"
import type { GatewaySettings } from "../../services/gateway/index.ts"
import { gateway } from "../../services/gateway/index.ts"
import { notificationDecider } from "../../services/notification/decider.ts"
import { paymentDecider } from "../../services/payment/decider.ts"
import { sagaDecider } from "../../services/saga/decider.ts"
import { walletDecider } from "../../services/wallet/decider.ts"
import type { Configuration } from "./configuration.ts"

export const decidersOf = (configuration: Configuration, gatewaySettings: GatewaySettings) => {
  const { concurrentPaymentWindowMs, sagaTimeoutMs, stepTimeoutMs, recoveryIntervalMs } = configuration
  const { maxPaymentAmount, maxRefundsPerPayment } = configuration
  const stuckAfterMs = Option.getOrElse(configuration.stuckAfterMs, () => sagaTimeoutMs)
  return {
    wallet: walletDecider({
      concurrentPaymentWindowMs,
      rememberMs: concurrentPaymentWindowMs + sagaTimeoutMs,
      holds: {
        expiryMs: configuration.holdExpiryMs,
        expiryMaxMs: configuration.holdExpiryMaxMs,
        openMax: configuration.maxOpenHoldsPerWallet
      }
    }),
    payment: paymentDecider({ maxPaymentAmount, maxPaymentAmountOf: new Map(), maxRefundsPerPayment }),
    saga: sagaDecider({ sagaTimeoutMs, stepTimeoutMs, recoveryIntervalMs, stuckAfterMs }),
    gateway: gateway.decider(gatewaySettings),
    notification: notificationDecider,
    audit: auditDecider
  }
}
