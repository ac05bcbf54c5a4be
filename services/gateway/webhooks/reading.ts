/**
 * From a provider's event to what it says about a payment of ours. Types that say nothing about money are listed, so
 * that one nobody knows can be told from them; each provider has its own file for the rest.
 */
import type { Provider } from "../../../shared/contract/provider.ts"
import type { Notice } from "../notice.ts"
import type { Json } from "../provider/json.ts"
import { adyenRead, adyenSilent } from "./adyen-read.ts"
import { itemsOf } from "./adyen-signature.ts"
import { paypalRead, paypalSilent } from "./paypal-read.ts"
import { jsonOf } from "./signed.ts"
import { stripeRead, stripeSilent } from "./stripe-read.ts"

/** `nothing`: of a type that is read, and none of ours, or without news. `unheard`: of a type that is unknown here. */
export type Read = Notice | "nothing" | "unheard"

/**
 * Money of a charge that was kept is disputed or taken back, and nobody here asked for it: no decision is made of it,
 * a person is called.
 */
const ALARMING: Readonly<Record<Provider, RegExp>> = {
  stripe: /^charge\.dispute\.(created|closed)$/,
  paypal: /^(PAYMENT\.CAPTURE\.REVERSED|CUSTOMER\.DISPUTE\.(CREATED|RESOLVED))$/,
  adyen: /^(CAPTURE_FAILED|NOTIFICATION_OF_CHARGEBACK|(SECOND_)?CHARGEBACK|CHARGEBACK_REVERSED)$/
}

export const isAlarming = (provider: Provider, type: string): boolean => ALARMING[provider].test(type)

const READERS: Readonly<Record<Provider, (type: string, event: Json) => Read>> = {
  stripe: stripeRead,
  paypal: paypalRead,
  adyen: adyenRead
}

/** Known to be of no interest: counted, and not even kept. */
const SILENT: Readonly<Record<Provider, ReadonlySet<string>>> = {
  stripe: stripeSilent,
  paypal: paypalSilent,
  adyen: adyenSilent
}

export const isSilent = (provider: Provider, type: string): boolean => SILENT[provider].has(type)

/** `body`: the whole delivery; `item`: which of its events. */
export const read = (provider: Provider, type: string, body: string, item: number): Read => {
  const json = jsonOf(body)
  const event = provider === "adyen" ? itemsOf(json)[item] : json
  return event === undefined ? "unheard" : READERS[provider](type, event)
}
