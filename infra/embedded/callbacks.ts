/** How the launcher ties the simulator's call-backs to the platform: what they are signed with, and where they go. */
import { SIMULATED } from "../../services/gateway/index.ts"

/** The platform's own secrets, of several the first; its defaults where none are set. */
export const signing = (env: { readonly [name: string]: string | undefined }): Record<string, string> =>
  Object.fromEntries(
    Object.entries(SIMULATED).map(([name, fallback]) => [name, env[name]?.split(",")[0]?.trim() || fallback])
  )

/** Every address of the machine is one of it to the simulator, which runs beside us. */
const ANY = new Set(["0.0.0.0", "[::]"])

/** Known only once the platform listens, on whatever port it got; the simulator adds `/stripe` and so on. */
export const callBack = async (simulatorUrl: string, platformUrl: string): Promise<void> => {
  const target = new URL("/webhooks", platformUrl)
  if (ANY.has(target.hostname)) target.hostname = "127.0.0.1"
  const body = JSON.stringify({ target: target.href })
  const answer = await fetch(`${simulatorUrl}/_sim/webhook-target`, { method: "POST", body })
  if (!answer.ok) throw new Error(`the simulator does not call ${target.href} back: ${await answer.text()}`)
}
