/** The embedded platform's development key: made once, kept in DATA_DIR, so that a restart knows the same one. */
import { randomBytes } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"

export const keyOf = (dataDir: string): string => {
  const file = join(dataDir, "api-key")
  try {
    const key = readFileSync(file, "utf8").trim()
    if (key !== "") return key
  } catch {
    // The first start: there is none yet.
  }
  const key = `sk_dev_${randomBytes(24).toString("base64url")}`
  writeFileSync(file, `${key}\n`, { mode: 0o600 })
  return key
}
