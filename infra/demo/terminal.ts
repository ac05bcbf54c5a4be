/** The listener in front of a terminal, or of a file: what is told, and while nothing is, what is waited for. */
import { COLOURED, type Paint, PLAIN, tell, title, WIDTH } from "./narrator.ts"
import type { Listener } from "./stage.ts"
import type { Beat } from "./story.ts"

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"]
const FRAME_MS = 100

export interface Terminal extends Listener {
  readonly paint: Paint
  readonly print: (lines: ReadonlyArray<string>) => void
  /** Says nothing more. */
  readonly mute: () => void
}

/** NO_COLOR, or an output that is no terminal, gets plain text and no moving parts (no-color.org). */
export const terminalOn = (stream: NodeJS.WriteStream): Terminal => {
  const live = stream.isTTY === true
  const paint = live && !process.env["NO_COLOR"] && process.env["TERM"] !== "dumb" ? COLOURED : PLAIN
  let waiting: Timer | undefined
  let before: Beat | undefined
  const clear = () => {
    if (waiting === undefined) return
    clearInterval(waiting)
    waiting = undefined
    stream.write("\r\u001b[2K")
  }
  let muted = false
  const print = (lines: ReadonlyArray<string>) => {
    if (muted) return
    clear()
    if (lines.length > 0) stream.write(`${lines.join("\n")}\n`)
  }
  const waits = (forWhat: string) => {
    if (muted) return
    clear()
    if (!live) {
      stream.write(`  … ${forWhat}\n`)
      return
    }
    const began = performance.now()
    let frame = 0
    const draw = () => {
      const seconds = ((performance.now() - began) / 1000).toFixed(1)
      const text = `  ${FRAMES[frame++ % FRAMES.length]} ${forWhat}  ${seconds} s`
      stream.write(`\r\u001b[2K${paint.quiet(text.slice(0, WIDTH))}`)
    }
    draw()
    waiting = setInterval(draw, FRAME_MS)
  }
  return {
    paint,
    print,
    waits,
    begins: (scenario) => {
      before = undefined
      print(title(scenario, paint))
    },
    hears: (beat) => {
      print(tell(beat, paint, before))
      before = beat
    },
    mute: () => {
      clear()
      muted = true
    }
  }
}
