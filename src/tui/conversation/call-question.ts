import type { OfferedTool } from '../../session/run-calls.js'
import { AllowedTools } from '../../tools/allowed-tools.js'

/** The user's decision about a call. */
export type CallDecision = 'yes' | 'no' | 'always'

/** Decisions by the key that makes them. */
const DECISIONS: Readonly<Record<string, CallDecision | undefined>> = { y: 'yes', n: 'no', a: 'always' }

/** Ms before a key counts: the user may be typing when the question comes. */
const UNEXPECTED_MS = 300

interface OpenQuestion {
  tool: string
  since: number
  decide: (decision: CallDecision) => void
}

/** Asks the user before a tool runs. */
export class CallQuestion {
  private readonly allowed: AllowedTools
  private open?: OpenQuestion

  constructor(
    isAllowed: (tool: string) => boolean,
    private readonly changed: () => void,
  ) {
    this.allowed = new AllowedTools(isAllowed)
  }

  /** The tool that the user is asked about. */
  get tool(): string | undefined {
    return this.open?.tool
  }

  /** Whether a tool runs without a question. */
  allows(tool: OfferedTool): boolean {
    return this.allowed.allows(tool)
  }

  /** Whether a tool may run. Rejects with the signal's reason when aborted. */
  async ask(tool: OfferedTool, signal?: AbortSignal): Promise<boolean> {
    if (this.allows(tool)) return true
    signal?.throwIfAborted()
    try {
      const decision = await new Promise<CallDecision>((decide, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
        this.open = { tool: tool.name, since: performance.now(), decide }
        this.changed()
      })
      if (decision === 'always') this.allowed.allow(tool)
      return decision !== 'no'
    } finally {
      this.open = undefined
      this.changed()
    }
  }

  /**
   * Takes typed text as an answer: y, n or a; false if it is none. `isLine` is for a whole line, which nothing but the
   * question can have caused.
   */
  answer(text: string, { isLine = false } = {}): boolean {
    const letter = isLine ? text.trim().slice(0, 1) : text
    const decision = DECISIONS[letter.toLowerCase()]
    const { open } = this
    if (!open || !decision || (!isLine && performance.now() < open.since + UNEXPECTED_MS)) return false
    open.decide(decision)
    return true
  }
}
