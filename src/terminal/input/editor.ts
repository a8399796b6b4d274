import { graphemes, harmless } from '../../ground/output/cell-width.js'
import { cut } from '../../ground/output/wrap.js'
import type { KeyName } from './keys.js'

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
    switch (name) {
      case 'newline':
      case 'line-feed':
        this.insert('\n')
        return true
      case 'left':
        return this.moveBack(lastGrapheme(this.before))
      case 'right':
        return this.moveOn(firstGrapheme(this.after))
      case 'word-left':
        return this.moveBack(lastWord(this.before))
      case 'word-right':
        return this.moveOn(/^\s*\S*/.exec(this.after)?.[0] ?? '')
      case 'home':
        return this.moveBack(this.before.slice(this.before.lastIndexOf('\n') + 1)) || true
      case 'end':
        return this.moveOn(/^[^\n]*/.exec(this.after)?.[0] ?? '') || true
      case 'up':
        return this.moveByRow(-1)
      case 'down':
        return this.moveByRow(1)
      case 'backspace':
        this.before = this.before.slice(0, this.before.length - lastGrapheme(this.before).length)
        return true
      case 'delete':
        this.after = this.after.slice(firstGrapheme(this.after).length)
        return true
      case 'delete-word':
        return this.killBack(lastWord(this.before))
      case 'delete-next-word':
        return this.killOn(/^\s*\S*/.exec(this.after)?.[0] ?? '')
      case 'yank':
        this.insert(this.killed)
        return true
      case 'delete-to-end':
        return this.killOn(/^([^\n]+|\n)/.exec(this.after)?.[0] ?? '')
      case 'delete-to-start':
        return this.killBack(/([^\n]+|\n)$/.exec(this.before)?.[0] ?? '')
      default:
        return false
    }
  }

  /** Turns a backslash at the end of the text, before the cursor, into a line break; false if there is none. */
  breakAtBackslash(): boolean {
    if (this.after !== '' || !this.before.endsWith('\\')) return false
    this.before = `${this.before.slice(0, -1)}\n`
    return true
  }

  private killBack(text: string): boolean {
    this.before = this.before.slice(0, this.before.length - text.length)
    if (text !== '') this.killed = text
    return true
  }

  private killOn(text: string): boolean {
    this.after = this.after.slice(text.length)
    if (text !== '') this.killed = text
    return true
  }

  private moveBack(by: string): boolean {
    this.before = this.before.slice(0, this.before.length - by.length)
    this.after = by + this.after
    return by !== ''
  }

  private moveOn(by: string): boolean {
    this.before += by
    this.after = this.after.slice(by.length)
    return by !== ''
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

function lastWord(text: string): string {
  return /\S*\s*$/.exec(text)?.[0] ?? ''
}
