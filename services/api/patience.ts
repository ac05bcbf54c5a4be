/** A store that is away makes commands wait behind it; their clients are told to come back, with the same key. */
import { Effect } from "effect"
import { Commands, NotAccepted, type Submit } from "../../shared/runtime/commands.ts"

/** A commit takes milliseconds; behind a restarting database it takes seconds. */
const SUBMIT_TIMEOUT_MS = 10_000

/** The command may be applied all the same, later: the key, or its own id, keeps a repetition from doing it twice. */
const patient =
  (submit: Submit): Submit =>
  (submission) =>
    Effect.timeoutOrElse(submit(submission), { duration: SUBMIT_TIMEOUT_MS, orElse: () => Effect.fail(tooLong) })

const tooLong = new NotAccepted({ detail: `no answer within ${SUBMIT_TIMEOUT_MS} ms` })

export const patientCommands: Effect.Effect<Commands["Service"], never, Commands> = Effect.map(
  Commands,
  ({ payment, wallet, saga, gateway, audit }) => ({
    payment: patient(payment),
    wallet: patient(wallet),
    saga: patient(saga),
    gateway: patient(gateway),
    audit: patient(audit)
  })
)
