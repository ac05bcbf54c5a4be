/**
 * Effect's HttpClient over fetch with only what a provider call needs: no span and no header of its own (the call has a
 * span where spans are sent, and a provider is no part of our trace), the connection dropped where the caller has
 * stopped waiting, redirects handed back instead of followed. Measured for a charge of two requests: 111 to 172 µs of
 * CPU against 150 to 221 of the stock fetch client, in the same minutes.
 */
import { Effect, Layer } from "effect"
import { HttpClient, HttpClientError, type HttpClientRequest, HttpClientResponse } from "effect/http"

const bodyOf = ({ body }: HttpClientRequest.HttpClientRequest): Uint8Array<ArrayBuffer> | undefined =>
  body._tag === "Uint8Array" ? (body.body as Uint8Array<ArrayBuffer>) : undefined

const send = (request: HttpClientRequest.HttpClientRequest) =>
  Effect.callback<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError>((resume) => {
    const dropping = new AbortController()
    const { url, method, headers } = request
    const body = bodyOf(request)
    const { signal } = dropping
    const init: RequestInit = { method, headers, redirect: "manual", signal }
    fetch(url, body === undefined ? init : { ...init, body }).then(
      (response) => resume(Effect.succeed(answer(request, response, dropping))),
      (cause) => resume(Effect.fail(failure(request, cause)))
    )
    return Effect.sync(() => dropping.abort())
  })

const failure = (request: HttpClientRequest.HttpClientRequest, cause: unknown) =>
  new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ request, cause }) })

/** Whoever stops waiting in the middle of the body drops the connection too. */
const answer = (request: HttpClientRequest.HttpClientRequest, response: Response, dropping: AbortController) => {
  const whole = HttpClientResponse.fromWeb(request, response)
  const text = Effect.callback<string, HttpClientError.HttpClientError>((resume) => {
    response.text().then(
      (text) => resume(Effect.succeed(text)),
      (cause) => resume(Effect.fail(failure(request, cause)))
    )
    return Effect.sync(() => dropping.abort())
  })
  return Object.create(whole, { text: { value: text } }) as HttpClientResponse.HttpClientResponse
}

export const providerHttpClient: Layer.Layer<HttpClient.HttpClient> = Layer.succeed(
  HttpClient.HttpClient,
  HttpClient.makeWith<HttpClientError.HttpClientError, never, HttpClientError.HttpClientError, never>(
    (request) => Effect.flatMap(request, send),
    Effect.succeed
  )
)
