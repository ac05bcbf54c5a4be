/** The pages that are made from the code, so that they cannot say anything else: events, commands, errors. */
import type { Entry } from "../../shared/contract/catalogue.ts"
import { COMMANDS, EVENTS } from "../../shared/contract/messages.ts"
import { errors } from "./errors.ts"

const MADE = "<!-- Made by `npm run docs`; a test keeps it in step with the schemas. -->"

const section = (type: string, { version, topic, producer, consumers, trigger, example }: Entry): string => `### ${type}
Version ${version} · topic \`${topic}\` · from ${producer} · to ${consumers.join(", ")}

When ${trigger}.

\`\`\`json
${JSON.stringify(example, null, 2)}
\`\`\`
`

const catalogue = (title: string, intro: string, entries: Readonly<Record<string, Entry>>): string =>
  `${MADE}\n# ${title}\n\n${intro}\n\n${Object.entries(entries)
    .sort(([, a], [, b]) => a.topic.localeCompare(b.topic))
    .map(([type, entry]) => section(type, entry))
    .join("\n")}`

const envelope = `Every message is a CloudEvents 1.0 envelope:
\`id, source, type, subject\` (its stream), \`time, partitionkey\`
(\`{tenant}/{user_id}\`), \`correlationid\` (the payment), \`causationid, traceparent, tenant, actor,
schema, data\`. Below is the data.
Amounts are decimal strings of minor units; times are RFC 3339 UTC with milliseconds.`

/** File name below docs/ → text. */
export const pages = (): Readonly<Record<string, string>> => ({
  "events.md": catalogue("Events", `Facts, by topic. ${envelope}`, EVENTS),
  "commands.md": catalogue("Commands", `Requests to the owner of a stream, by topic. ${envelope}`, COMMANDS),
  "errors.md": errors(MADE)
})
