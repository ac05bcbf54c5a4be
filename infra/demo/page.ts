/** docs/scenarios.md: the prose, and the diagrams drawn from the timelines of scenarios that were played. Pure. */
import { diagram, folded, linesOf, pays } from "./diagram.ts"
import { type Happened, type Story, timelineOf } from "./story.ts"

const REFUSED = "400 INSUFFICIENT_FUNDS_CONCURRENT, names the winner"

/** The lines of every diagram by name; for two payments at once, of each part of it. */
export const drawings = (stories: ReadonlyArray<Story>) => {
  const of = (number: number, name: string) => timelineOf(numbered(stories, number), name)
  const ok = (events: ReadonlyArray<Happened>) => ({ request: pays(events), answer: "201 COMPLETED" })
  const happy = of(1, "payment")
  const usual = linesOf(happy, ok(happy))
  const short = (events: ReadonlyArray<Happened>, answer: string, interrupted = false) =>
    folded(
      linesOf(events, { request: pays(events), answer, interrupted }),
      usual,
      "validated, checked and debited as in 1"
    )
  const funds = of(2, "payment")
  const late = of(4, "later: the one that lost")
  const loser = { request: "POST /payments, from the other device", answer: REFUSED }
  return {
    happy: usual,
    funds: linesOf(funds, { request: pays(funds), answer: "400 INSUFFICIENT_FUNDS" }),
    first: short(of(3, "first"), "201 COMPLETED"),
    second: short(of(3, "second"), "201 COMPLETED"),
    third: short(of(3, "third"), "201 COMPLETED"),
    fourth: short(of(3, "fourth"), "502 GATEWAY_UNAVAILABLE, the money is back"),
    together: linesOf(of(4, "together: the one that lost"), loser),
    late: linesOf(late, loser),
    recovery: short(of(5, "payment"), "201, the same payment (Idempotent-Replayed)", true)
  }
}
export type Drawings = ReturnType<typeof drawings>

const numbered = (stories: ReadonlyArray<Story>, number: number): Story => {
  const found = stories.find((story) => story.number === number)
  if (found === undefined) throw new Error(`scenario ${number} was not played`)
  return found
}

/** Who meets whom is a matter of a millisecond: the loser may get past the check, or may not. */
export const passedTheCheck = ({ together }: Pick<Drawings, "together">): boolean =>
  together.some((line) => line.endsWith("WalletDeductionFailed"))

const meeting = ({ together, late }: Drawings): ReadonlyArray<string> => {
  const common = late.filter(
    (line, i) => together[i] === line && i <= late.indexOf("saga->>wallet: CheckWalletBalance")
  )
  return [
    "Note over client,wallet: the winner is debited as in 1",
    ...common,
    "alt it was checked before the winner's debit",
    ...together.slice(common.length),
    "else the winner's debit came first",
    ...late.slice(common.length),
    "end"
  ]
}

const INTRO = `<!-- Made by \`npm run docs -- scenarios\`; a test plays them again and compares. -->
# The five scenarios

\`npm run demo\` plays them on your machine and tells what happens, with times, states and balances;
\`npm run demo -- 3\` plays one.

The diagrams are drawn from the timelines of payments that were really made (\`GET /payments/{id}/timeline\`), not
from memory: \`npm run docs -- scenarios\` starts a platform, plays, and writes this page.
\`tests/scenarios/demo.test.ts\` plays them anew and fails when an arrow, or the order of two, is no longer what
happens. So a change of the saga changes this page or breaks that test.

A solid arrow is a command or a request, a broken one a fact or an answer, a cross an answer that never came.
Between services every arrow is a message in the log, committed together with the decision it stands for. Left out:
the saga also hears every answer of a provider in between, which only starts its step's clock anew.`

const section = (title: string, text: string, ...diagrams: ReadonlyArray<string>): string =>
  `## ${title}\n\n${text.trim()}\n\n${diagrams.join("\n\n")}`

const part = (title: string, text: string, lines: ReadonlyArray<string>): string =>
  `### ${title}\n\n${text.trim()}\n\n${diagram(lines)}`

const HAPPY = `
The wallet is debited, Stripe charges, the payment is confirmed, the user is told. The answer waits for the end, so
that a client needs one request: 300 to 600 ms with a provider that takes 200 to 500.

- **The user sees** 201 with the payment, and "Payment completed".
- **Elsewhere** the debit and the message to the next service are two writes, and a crash between them loses one.
  Here the event is the message: one row, one commit.`

const FUNDS = `
The wallet says what it holds before anything is taken, so there is nothing to undo and no provider hears of it.

- **The user sees** 400 \`INSUFFICIENT_FUNDS\` with what was asked, what is there and what is missing, and a message
  that names the balance and suggests a top-up.
- **Elsewhere** the edge reads a balance, decides, and is wrong when another payment comes between. Here the edge
  never decides on funds; the wallet does, and once more when it debits.`

const TIMEOUT = `
Stripe accepts the charge and stays silent. Whether it took the money nobody knows, and no waiting will tell: **an
unknown outcome is a state**. While it lasts no other provider is asked, and the wallet keeps the money in clearing.

- **The user sees** 201, a little later than usual; or, where nobody could charge, 502 with the money back and a
  message that says so.
- **Elsewhere** a timeout counts as a failure: the next provider is asked and the customer pays twice, or the
  payment is given up although it was paid.`

const FIRST = `
Asked, replayed under the same key, asked again; then Stripe cancels the attempt for good. Only that answer lets
PayPal have it.`
const SECOND = `
The fifth failed try in a row opens Stripe's breaker in the middle of the second payment. The open breaker stops
charges only: the attempt that may have taken money is still looked up and cancelled at Stripe.`
const THIRD = `
Nothing was sent to Stripe, so there is nothing to resolve.`
const FOURTH = `
PayPal fails as well. Its attempt is cancelled, then everything is undone, last step first, and only when the money
is back in the wallet is the payment marked: whoever reads FAILED can rely on that.`

const CONCURRENT = `
1000.00 in the wallet; 800.00 and 600.00 are asked for at the same moment, and exactly one goes through. Nobody
waits for a lock: one writer a wallet folds whatever has arrived, in order, each on what the one before it left. The
loser names the winner, because its money was there when the client pressed the button.

- **The user sees** 400 \`INSUFFICIENT_FUNDS_CONCURRENT\`: 200.00 available, 400.00 missing, and which payment took
  it.
- **Elsewhere** both read 1000.00 and both go through; or a row lock makes a busy wallet as slow as its slowest
  transaction.`

const RECOVERY = `
\`kill -9\` of the platform and its database at the worst moment: Stripe has taken the money, and its answer never
arrived. On the new start everything open is looked at. The intent was committed before the charge was sent, so it
is known that there may be a charge; Stripe is asked, and the payment goes on from there.

- **The user sees** a broken connection; the same request with the same key, and 201 with that one payment.
- **Elsewhere** the retry is a new payment and charges again, or the first one stays open until somebody looks.`

export const page = (drawn: Drawings): string =>
  `${[
    INTRO,
    section("1 A payment goes through", HAPPY, diagram(drawn.happy)),
    section("2 Not enough in the wallet", FUNDS, diagram(drawn.funds)),
    section(
      "3 A provider is silent",
      TIMEOUT,
      part("The first payment: PayPal, once Stripe is out of it", FIRST, drawn.first),
      part("The second payment: the breaker opens", SECOND, drawn.second),
      part("The third payment: straight to PayPal", THIRD, drawn.third),
      part("And when nobody can charge", FOURTH, drawn.fourth)
    ),
    section("4 Two payments at the same moment", CONCURRENT, diagram(meeting(drawn))),
    section("5 Killed in mid-flight, started again", RECOVERY, diagram(drawn.recovery))
  ].join("\n\n")}\n`
