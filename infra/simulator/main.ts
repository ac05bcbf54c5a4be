/**
 * The outside world as a process: `bun infra/simulator/main.ts`. One line on stdout says that it is ready; SIGTERM and
 * SIGINT end it.
 */
import { exitWithParent } from "./parent.ts"
import { startSimulator } from "./server.ts"

const PORT_DEFAULT = 8090

const env = (name: string): string | undefined => process.env[name] || undefined

const complain = (line: string): never => {
  process.stderr.write(`${line}\n`)
  process.exit(1)
}

const portOf = (text: string | undefined): number => {
  if (text === undefined) return PORT_DEFAULT
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > 65_535) complain(`SIMULATOR_PORT: a port from 0 to 65535, not "${text}"`)
  return port
}

const port = portOf(env("SIMULATOR_PORT"))

const started = await startSimulator({
  port,
  dataDir: env("DATA_DIR"),
  webhookTarget: env("WEBHOOK_TARGET"),
  stripeWebhookSecret: env("STRIPE_WEBHOOK_SECRET"),
  paypalWebhookId: env("PAYPAL_WEBHOOK_ID"),
  adyenHmacKey: env("ADYEN_HMAC_KEY")
}).catch((error: unknown) => complain(`simulator cannot start on port ${port}: ${String(error)}`))

const end = async (): Promise<void> => {
  await started.stop()
  process.exit(0)
}

process.on("SIGTERM", () => void end())
process.on("SIGINT", () => void end())
if (env("SIMULATOR_EXIT_WITH_PARENT") === "1") exitWithParent(() => void end())

process.stdout.write(`simulator ready on ${started.url}\n`)
