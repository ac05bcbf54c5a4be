/** What the simulator's own tests share: the official SDKs pointed at it, and its control plane. */
import { request as httpRequest } from "node:http"
import {
  Client as AdyenClient,
  CheckoutAPI,
  Config,
  EnvironmentEnum,
  HttpURLConnectionClient
} from "@adyen/api-library"
import { Client, Environment, OrdersController, PaymentsController } from "@paypal/paypal-server-sdk"
import axios, { type AxiosRequestConfig } from "axios"
import Stripe from "stripe"

export type Movement = {
  readonly provider: string
  readonly kind: string
  readonly reference: string
  readonly payment_id: string | null
  readonly amount: number
  readonly currency: string
  readonly at: string
}

export type WireEntry = {
  readonly at: string
  readonly provider: string
  readonly op: string
  readonly path: string
  readonly idempotency_key: string | null
  readonly body_hash: string
  readonly payment_id?: string
  readonly status: number
  readonly fault?: string
}

/** A client that waits for a busy machine, and one that gives up soon: for calls that are never answered. */
export const PATIENT_MS = 10_000
export const HASTY_MS = 500

export const post = async (url: string, path: string, body: unknown) => {
  const answer = await fetch(`${url}/_sim/${path}`, { method: "POST", body: JSON.stringify(body) })
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}

const data = async <T>(url: string, path: string): Promise<Array<T>> =>
  ((await (await fetch(`${url}/_sim/${path}`)).json()) as { data: Array<T> }).data

export const control = (url: string) => ({
  arm: (provider: string, behaviour: object) => post(url, `${provider}/behaviour`, behaviour),
  reset: () => post(url, "reset", {}),
  advance: (ms: number) => post(url, "clock", { advance_ms: ms }),
  ledger: async (payment_id?: string) =>
    (await data<Movement>(url, "ledger")).filter(
      (entry) => payment_id === undefined || entry.payment_id === payment_id
    ),
  wire: async (payment_id?: string) =>
    (await data<WireEntry>(url, "wire")).filter((entry) => payment_id === undefined || entry.payment_id === payment_id)
})

export const stripeAt = (url: string, timeout = PATIENT_MS) => {
  const { hostname, port } = new URL(url)
  const options = { host: hostname, port, protocol: "http", telemetry: false, maxNetworkRetries: 0, timeout } as const
  return new Stripe("sk_test_simulator", options)
}

/** PayPal's SDK has no base-URL option; its HTTP client's adapter is the way in. */
export const paypalAt = (url: string, timeout = PATIENT_MS) => {
  const send = axios.getAdapter(["http"])
  const adapter = (config: AxiosRequestConfig) =>
    send({ ...config, url: url + new URL(config.url ?? "").pathname } as Parameters<typeof send>[0])
  const client = new Client({
    clientCredentialsAuthCredentials: { oAuthClientId: "id", oAuthClientSecret: "secret" },
    environment: Environment.Sandbox,
    timeout,
    unstable_httpClientOptions: { adapter }
  })
  return { orders: new OrdersController(client), payments: new PaymentsController(client) }
}

interface AdyenOptions {
  readonly headers: Record<string, string>
  readonly timeout: number
  readonly idempotencyKey?: string
}

/**
 * Adyen's SDK speaks https to fixed hosts. Its own client makes the request's options and reads the answer; only the
 * connection between the two is ours.
 */
export const adyenAt = (url: string, timeout = PATIENT_MS) => {
  const http = Object.assign(new HttpURLConnectionClient(), {
    createRequest: (endpoint: string, { headers, timeout, idempotencyKey }: AdyenOptions) => {
      const key = idempotencyKey === undefined ? {} : { "Idempotency-Key": idempotencyKey }
      const request = httpRequest(url + new URL(endpoint).pathname, { method: "POST", headers: { ...headers, ...key } })
      request.setTimeout(timeout)
      return request
    }
  })
  const environment = EnvironmentEnum.TEST
  const config = new Config({ apiKey: "simulated", environment, connectionTimeoutMillis: timeout })
  const { PaymentsApi, ModificationsApi } = new CheckoutAPI(new AdyenClient(config, http))
  return { payments: PaymentsApi, modifications: ModificationsApi }
}

/** The error of a promise that must fail. */
export const failure = async (promise: Promise<unknown>): Promise<Record<string, unknown>> => {
  try {
    await promise
  } catch (error) {
    return error as Record<string, unknown>
  }
  throw new Error("expected a failure")
}

/** Waits for a fact, not for a time. */
export const eventually = async (fact: () => Promise<boolean>): Promise<void> => {
  const deadline = Date.now() + 10_000
  while (!(await fact())) {
    if (Date.now() > deadline) throw new Error("it never came true")
    await Bun.sleep(10)
  }
}
