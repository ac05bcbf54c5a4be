/**
 * `npm run docs`: writes the pages that are made from the code. `npm run docs -- scenarios`: plays the scenarios of the
 * demo and writes the page that is made from what happened.
 */
import { writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { scenariosPage } from "../demo/write.ts"
import { pages } from "./pages.ts"

const write = (name: string, text: string): void => {
  writeFileSync(fileURLToPath(new URL(`../../docs/${name}`, import.meta.url)), text)
  console.log(`docs/${name}`)
}

if (process.argv.includes("scenarios")) write("scenarios.md", await scenariosPage())
else for (const [name, text] of Object.entries(pages())) write(name, text)
