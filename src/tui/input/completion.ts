import { type Suggestion, suggest } from '../conversation/slash-commands.js'
import type { Editor } from './editor.js'

/** Completes the line that is being written, and lets one of several ways be chosen. */
export class Completion {
  /** The ways that are gone through, while one is chosen. */
  private list: Suggestion[] = []
  private at?: number

  constructor(
    private readonly editor: Editor,
    /** Names of models, as far as they are known by now. */
    private readonly models: () => readonly string[],
  ) {}

  /** Ways to complete the line. */
  get suggestions(): Suggestion[] {
    return this.at === undefined ? suggest(this.editor.text, this.models()) : this.list
  }

  /** Number of the one that is chosen. */
  get chosen(): number | undefined {
    return this.at
  }

  /** Writes what all ways have in common, or, where that is written already, the next of them. */
  tab(): void {
    const { suggestions, editor } = this
    const [first, ...others] = suggestions
    if (!first) return
    if (this.at !== undefined) return void this.choose(1)
    const common = others.reduce((line, other) => commonStart(line, other.line), first.line)
    if (others.length === 0 || common.length > editor.text.length) editor.set(common)
    else this.choose(1)
  }

  /** Writes the next way or the one before it; false where there is none. */
  choose(by: 1 | -1): boolean {
    const list = this.suggestions
    if (list.length === 0 || (this.at === undefined && by < 0)) return false
    const next = this.at === undefined ? 0 : (this.at + by + list.length) % list.length
    this.list = list
    this.at = next
    this.editor.set(list[next].line)
    return true
  }

  /** The line is another now. */
  end(): void {
    this.at = undefined
  }
}

function commonStart(a: string, b: string): string {
  let length = 0
  while (length < a.length && a[length] === b[length]) length++
  return a.slice(0, length)
}
