/** Each provider's own word for a card that was stolen: a decline for good. */
export const STOLEN = { stripe: "stolen_card", paypal: "9520", adyen: "31" } as const
