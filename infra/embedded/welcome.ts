/** What a new user sees when the platform is ready: where it is, the key, and the first payment to paste. */

interface Started {
  readonly url: string
  readonly metricsUrl: string
  readonly apiKey: string
  readonly simulatorUrl: string | undefined
  readonly dataDir: string
}

export const welcome = ({ url, metricsUrl, apiKey, simulatorUrl, dataDir }: Started): void => {
  const providers = simulatorUrl === undefined ? "live" : `simulated at ${simulatorUrl}`
  console.log(`
  Wallet payments are ready on ${url}
    API key     ${apiKey}
    metrics     ${metricsUrl}
    providers   ${providers}
    data        ${dataDir} (delete it to start afresh)

  Open a wallet, put 1000.00 USD in, pay 250.00:

    export API=${url}/api/v1 KEY=${apiKey}
    W=$(curl -s $API/wallets -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' \\
      -d '{"user_id":"ana","currency":"USD"}' | sed 's/.*"id":"\\([^"]*\\)".*/\\1/')
    curl -s $API/wallets/$W/credits -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' \\
      -H "Idempotency-Key: topup-1" -d '{"amount":100000,"currency":"USD","reference":"first top-up"}'
    curl -s $API/payments -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' \\
      -H "Idempotency-Key: order-1" \\
      -d '{"wallet_id":"'$W'","amount":25000,"currency":"USD","merchant_id":"book-shop"}'

  Ctrl-C drains and stops.
`)
}
