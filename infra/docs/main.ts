/** `npm run docs`: writes the pages that are made from the code. */
import { writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { pages } from "./pages.ts"

for (const [name, text] of Object.entries(pages())) {
  writeFileSync(fileURLToPath(new URL(`../../docs/${name}`, import.meta.url)), text)
  console.log(`docs/${name}`)
}
