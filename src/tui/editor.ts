import { graphemes, harmless } from '../terminal/cell-width.js'
import type { KeyName } from './keys.js'

/** A text of several lines that is being written, with a cursor in it. */
export class Editor {
  private before = ''
  private after = ''
  /** What was deleted last, by more than a character. */
  private killed = ''

  get text(): string {
    return this.before + this.after
  }

  /** Characters before the cursor. */
  get cursor(): number {
    return this.before.length
  }

  /** Writes something in place of all there is. */
  set(text: string): void {
    this.before = harmless(text)
    this.after = ''
  }

  insert(text: string): void {
    this.before += text
  }

  /** Does what an editing key asks for; false where the key is none, or has nowhere to go. */
  press(name: KeyName): boolean {
    switch (name) {
      case 'newline':
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
        return this.moveUp()
      case 'down':
        return this.moveDown()
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

  /** Takes a backslash before the cursor, at the end of the text, for a line break; false where there is none. */
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

  private moveUp(): boolean {
    const start = this.before.lastIndexOf('\n')
    if (start < 0) return false
    const column = this.before.length - start - 1
    const previous = this.before.lastIndexOf('\n', start - 1) + 1
    return this.moveBack(this.before.slice(Math.min(previous + column, start)))
  }

  private moveDown(): boolean {
    const end = this.after.indexOf('\n')
    if (end < 0) return false
    const column = this.before.length - this.before.lastIndexOf('\n') - 1
    const next = this.after.slice(end + 1)
    const length = next.indexOf('\n') < 0 ? next.length : next.indexOf('\n')
    return this.moveOn(this.after.slice(0, end + 1 + Math.min(column, length)))
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
