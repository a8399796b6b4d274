import { graphemes, harmless } from '../../ground/output/cell-width.js'
import { cut } from '../../ground/output/wrap.js'
import type { KeyName } from './keys.js'

/** The text at one side of the cursor that a key moves over or deletes; what is killed can be inserted again. */
type Edit = [side: 'before' | 'after', part: RegExp | ((text: string) => string), act: 'move' | 'delete' | 'kill']

const EDITS: Partial<Record<KeyName, Edit>> = {
  left: ['before', lastGrapheme, 'move'],
  right: ['after', firstGrapheme, 'move'],
  'word-left': ['before', /\S*\s*$/, 'move'],
  'word-right': ['after', /^\s*\S*/, 'move'],
  home: ['before', /[^\n]*$/, 'move'],
  end: ['after', /^[^\n]*/, 'move'],
  backspace: ['before', lastGrapheme, 'delete'],
  delete: ['after', firstGrapheme, 'delete'],
  'delete-word': ['before', /\S*\s*$/, 'kill'],
  'delete-next-word': ['after', /^\s*\S*/, 'kill'],
  'delete-to-start': ['before', /([^\n]+|\n)$/, 'kill'],
  'delete-to-end': ['after', /^([^\n]+|\n)/, 'kill'],
}

/** A text of one or more lines, with a cursor and editing keys. */
export class Editor {
  private before = ''
  private after = ''
  /** Columns of a row on the screen: Up and Down move by such rows. */
  width = Number.POSITIVE_INFINITY
  /** The last deleted word or line, for Ctrl-Y. */
  private killed = ''

  get text(): string {
    return this.before + this.after
  }

  /** Characters before the cursor. */
  get cursor(): number {
    return this.before.length
  }

  /** Replaces the text, and moves the cursor to its end. */
  set(text: string): void {
    this.before = harmless(text)
    this.after = ''
  }

  /** Inserts typed or pasted text at the cursor. */
  insert(text: string): void {
    this.before += harmless(text)
  }

  /** Applies a key; false if it is no editing key, or the cursor cannot move that way. */
  press(name: KeyName): boolean {
    if (name === 'up' || name === 'down') return this.moveByRow(name === 'up' ? -1 : 1)
    const isInserting = name === 'newline' || name === 'line-feed' || name === 'yank'
    if (isInserting) this.insert(name === 'yank' ? this.killed : '\n')
    const edit = EDITS[name]
    return edit ? this.apply(edit) : isInserting
  }

  private apply([side, find, act]: Edit): boolean {
    const { before, after } = this
    const part = find instanceof RegExp ? (find.exec(this[side])?.[0] ?? '') : find(this[side])
    if (side === 'before') {
      this.before = before.slice(0, before.length - part.length)
      if (act === 'move') this.after = part + after
    } else {
      this.after = after.slice(part.length)
      if (act === 'move') this.before += part
    }
    if (act === 'kill' && part !== '') this.killed = part
    return act !== 'move' || part !== ''
  }

  /** Turns a backslash at the end of the text, before the cursor, into a line break; false if there is none. */
  breakAtBackslash(): boolean {
    if (this.after !== '' || !this.before.endsWith('\\')) return false
    this.before = `${this.before.slice(0, -1)}\n`
    return true
  }

  /** Moves the cursor a row up or down, as the screen breaks the text; false if there is no such row. */
  private moveByRow(by: 1 | -1): boolean {
    const rows = this.rows()
    const at = rows.findLastIndex(({ start }) => start <= this.cursor)
    const next = rows[at + by]
    if (!next) return false
    const to = next.start + Math.min(this.cursor - rows[at].start, next.last)
    const { text } = this
    this.before = text.slice(0, to)
    this.after = text.slice(to)
    return true
  }

  /** Index of each row's start, and the last position of the cursor in it. */
  private rows(): { start: number; last: number }[] {
    let start = 0
    return this.text.split('\n').flatMap((line) => {
      const pieces = cut(line, this.width)
      const rows = pieces.map((piece, i) => {
        const row = { start, last: i === pieces.length - 1 ? piece.length : piece.length - 1 }
        start += piece.length
        return row
      })
      start++
      return rows
    })
  }
}

function lastGrapheme(text: string): string {
  return graphemes(text.slice(-32)).at(-1) ?? ''
}

function firstGrapheme(text: string): string {
  return graphemes(text.slice(0, 32))[0] ?? ''
}
