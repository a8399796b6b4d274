import { AllowedTools } from '../../../chat/tools/allowed-tools.js'
import type { OfferedTool } from '../../../engine/session/run-calls.js'

/** A letter that answers the question whether a tool may run: yes, no, or always. */
type Letter = 'y' | 'n' | 'a'

/** Ms before a key counts: the user may be typing when the question comes. */
const UNEXPECTED_MS = 300

/** Asks the user whether tools may run. */
export class CallQuestion {
  private readonly allowed: AllowedTools
  private open?: { since: number; decide: (letter: Letter) => void }

  constructor(isAllowed: (tool: string) => boolean = () => false) {
    this.allowed = new AllowedTools(isAllowed)
  }

  allows(tool: OfferedTool): boolean {
    return this.allowed.allows(tool)
  }

  /** Whether a tool may run that runs only after a question. Rejects with the signal's reason when aborted. */
  async ask(tool: OfferedTool, signal?: AbortSignal): Promise<boolean> {
    signal?.throwIfAborted()
    try {
      const letter = await new Promise<Letter>((decide, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
        this.open = { since: performance.now(), decide }
      })
      if (letter === 'a') this.allowed.allow(tool)
      return letter !== 'n'
    } finally {
      this.open = undefined
    }
  }

  /** Takes y, n or a as an answer; false for other text. `isLine`: only the question can have caused this line. */
  answer(text: string, { isLine = false } = {}): boolean {
    const letter = (isLine ? text.trim().slice(0, 1) : text).toLowerCase()
    const { open } = this
    if (!open || !isLetter(letter) || (!isLine && performance.now() < open.since + UNEXPECTED_MS)) return false
    open.decide(letter)
    return true
  }
}

function isLetter(text: string): text is Letter {
  return /^[yna]$/.test(text)
}
