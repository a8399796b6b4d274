import { commonPrefix } from '../../ground/common-prefix.js'
import { harmless } from '../../ground/output/cell-width.js'
import { Editor } from './editor.js'
import type { HistorySearch, InputHistory } from './history.js'
import type { Key, KeyName } from './keys.js'

export interface Suggestion {
  /** The whole line once it is completed. */
  line: string
  label: string
  summary: string
}

/** The text being written: an editor with completion, and with earlier inputs to recall or search. */
export class InputLine extends Editor {
  search?: HistorySearch
  /** Index of the suggestion that the text was taken from, while the user steps through `list`. */
  chosen?: number
  private list: readonly Suggestion[] = []

  constructor(
    private readonly history: InputHistory,
    private readonly suggest: (line: string) => readonly Suggestion[],
  ) {
    super()
  }

  /** Ways to complete the text; none during a search. */
  get suggestions(): readonly Suggestion[] {
    if (this.search) return []
    return this.chosen === undefined ? this.suggest(this.text) : this.list
  }

  override set(text: string): void {
    this.chosen = undefined
    super.set(text)
  }

  override insert(text: string): void {
    this.chosen = undefined
    super.insert(text)
  }

  /** Takes the text out, on Enter. Undefined if it is blank, or a backslash at its end becomes a line break. */
  take(): string | undefined {
    const { text } = this
    if (this.breakAtBackslash() || text.trim() === '') return undefined
    this.set('')
    void this.history.add(text)
    return text
  }

  /** Completes the text or chooses a suggestion; false if the key does neither, which ends the choosing. */
  complete(name: KeyName): boolean {
    if (name === 'tab') {
      this.tab()
      return true
    }
    if (name === 'down' && !this.history.isBrowsing && this.choose(1)) return true
    if (name === 'up' && this.choose(-1)) return true
    this.chosen = undefined
    return false
  }

  /** Edits the text, moves the cursor, recalls an earlier input or begins a search; false for all other keys. */
  override press(name: KeyName): boolean {
    if (super.press(name)) return true
    if (name === 'search') this.search = { text: '', skipped: 0 }
    const { history, text } = this
    const entry = name === 'up' ? history.older(text) : name === 'down' ? history.newer(text) : undefined
    if (entry !== undefined) this.set(entry)
    return name === 'search' || entry !== undefined
  }

  /** Letters narrow the search, Ctrl-R goes further back; other keys end it, and take what was found or give up. */
  pressInSearch(key: Key): void {
    const { search } = this
    if (!search) return
    if (key.kind !== 'key') this.look(search.text + harmless(key.text), 0)
    else if (key.name === 'search') this.look(search.text, search.skipped + 1)
    else if (key.name === 'backspace') this.look(search.text.slice(0, -1), 0)
    else {
      this.search = undefined
      const givesUp = key.name === 'escape' || key.name === 'ctrl-c' || key.name === 'ctrl-d'
      if (!givesUp && search.found !== undefined) this.set(search.found)
    }
  }

  private look(text: string, skipped: number): void {
    const found = this.history.find(text, skipped)
    // Ctrl-R stays at the oldest find.
    if (found !== undefined || skipped === 0) this.search = { text, found, skipped }
  }

  /** Writes the common beginning of all suggestions; if the line has it already, chooses the next suggestion. */
  private tab(): void {
    const [first, ...others] = this.suggestions
    if (!first) return
    const common = others.reduce((length, { line }) => commonPrefix(first.line, line, length), first.line.length)
    const isNew = others.length === 0 || common > this.text.length
    if (isNew && this.chosen === undefined) this.set(first.line.slice(0, common))
    else this.choose(1)
  }

  /** Writes the next suggestion or the one before it; false if there is no such suggestion. */
  private choose(by: 1 | -1): boolean {
    const { suggestions, chosen } = this
    if (suggestions.length === 0 || (chosen === undefined && by < 0)) return false
    const next = chosen === undefined ? 0 : (chosen + by + suggestions.length) % suggestions.length
    this.set(suggestions[next].line)
    this.list = suggestions
    this.chosen = next
    return true
  }
}
