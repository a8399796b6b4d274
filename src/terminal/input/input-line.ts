import { harmless } from '../../ground/output/cell-width.js'
import { Completion, type Suggestion } from './completion.js'
import { Editor } from './editor.js'
import { HistorySearch, type InputHistory } from './history.js'
import type { Key, KeyName } from './keys.js'

/** The text being written: an editor with completion, and with earlier inputs to recall or search. */
export class InputLine {
  private readonly editor = new Editor()
  private readonly completion: Completion
  /** The running search in earlier inputs. */
  search?: HistorySearch

  constructor(
    private readonly history: InputHistory,
    suggest: (line: string) => Suggestion[],
  ) {
    this.completion = new Completion(this.editor, suggest)
  }

  get text(): string {
    return this.editor.text
  }

  /** Characters before the cursor. */
  get cursor(): number {
    return this.editor.cursor
  }

  /** Ways to complete the text; none during a search. */
  get suggestions(): readonly Suggestion[] {
    return this.search ? [] : this.completion.suggestions
  }

  /** Index of the suggestion that the text was taken from. */
  get chosen(): number | undefined {
    return this.completion.chosen
  }

  /** Sets the columns of a row on the screen: Up and Down move by such rows. */
  setWidth(columns: number): void {
    this.editor.width = columns
  }

  set(text: string): void {
    this.completion.end()
    this.editor.set(text)
  }

  /** Inserts typed or pasted text at the cursor. */
  insert(text: string): void {
    this.completion.end()
    this.editor.insert(harmless(text))
  }

  /**
   * Takes the text out, on Enter, and adds it to the history. Undefined if there is nothing to take: the text is blank,
   * or a backslash at its end becomes a line break.
   */
  take(): string | undefined {
    if (this.editor.breakAtBackslash()) return undefined
    const { text } = this
    if (text.trim() === '') return undefined
    this.set('')
    void this.history.add(text)
    return text
  }

  /** Completes the text or chooses a suggestion; false if the key does neither, which ends the choosing. */
  complete(name: KeyName): boolean {
    if (name === 'tab') {
      this.completion.tab()
      return true
    }
    if (name === 'down' && !this.history.isBrowsing && this.completion.choose(1)) return true
    if (name === 'up' && this.completion.choose(-1)) return true
    this.completion.end()
    return false
  }

  /** Edits the text, moves the cursor, recalls an earlier input or begins a search; passes over all other keys. */
  press(name: KeyName): void {
    if (name === 'search') this.search = new HistorySearch(this.history)
    else if (!this.editor.press(name)) this.recall(name)
  }

  /** Gives a key to the running search. The key that ends the search may take what was found as the text. */
  pressInSearch(key: Key): void {
    const { search } = this
    if (!search || search.press(key)) return
    this.search = undefined
    if (search.taken !== undefined) this.set(search.taken)
  }

  private recall(name: KeyName): void {
    const { editor, history } = this
    const entry = name === 'up' ? history.older(editor.text) : name === 'down' ? history.newer(editor.text) : undefined
    if (entry !== undefined) editor.set(entry)
  }
}
