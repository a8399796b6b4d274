import { commonPrefix } from '../../ground/common-prefix.js'
import type { Editor } from './editor.js'

/** One way to complete a line. */
export interface Suggestion {
  /** The whole line once it is completed. */
  line: string
  label: string
  summary: string
}

/** Completes the line in an editor, and steps through the suggestions when there are several. */
export class Completion {
  /** The suggestions to step through, while one of them is chosen. */
  private list: Suggestion[] = []
  chosen?: number

  constructor(
    private readonly editor: Editor,
    private readonly suggest: (line: string) => Suggestion[],
  ) {}

  /** Ways to complete the line. */
  get suggestions(): Suggestion[] {
    return this.chosen === undefined ? this.suggest(this.editor.text) : this.list
  }

  /** Writes the common beginning of all suggestions; if the line has it already, chooses the next suggestion. */
  tab(): void {
    const { suggestions, editor } = this
    const [first, ...others] = suggestions
    if (!first) return
    if (this.chosen !== undefined) return void this.choose(1)
    const common = others.reduce((length, { line }) => commonPrefix(first.line, line, length), first.line.length)
    if (others.length === 0 || common > editor.text.length) editor.set(first.line.slice(0, common))
    else this.choose(1)
  }

  /** Writes the next suggestion or the one before it; false if there is no such suggestion. */
  choose(by: 1 | -1): boolean {
    const list = this.suggestions
    if (list.length === 0 || (this.chosen === undefined && by < 0)) return false
    const next = this.chosen === undefined ? 0 : (this.chosen + by + list.length) % list.length
    this.list = list
    this.chosen = next
    this.editor.set(list[next].line)
    return true
  }

  /** Forgets the choice: the line has changed. */
  end(): void {
    this.chosen = undefined
  }
}
