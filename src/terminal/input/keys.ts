import type { Key as InkKey } from 'ink'

/** A key or a text, as the user gave it. */
export type Key = { kind: 'text'; text: string } | { kind: 'paste'; text: string } | { kind: 'key'; name: KeyName }

const CTRL_X = '\x18'
const CTRL_E = '\x05'

/** Keys by the control characters that terminals send for them. */
const CONTROL = {
  '\r': 'enter',
  '\n': 'line-feed',
  '\t': 'tab',
  '\b': 'backspace',
  '\x01': 'home',
  '\x02': 'left',
  '\x03': 'ctrl-c',
  '\x04': 'ctrl-d',
  '\x05': 'end',
  '\x06': 'right',
  '\x0b': 'delete-to-end',
  '\x0c': 'repaint',
  '\x0e': 'down',
  '\x10': 'up',
  '\x12': 'search',
  '\x14': 'thoughts',
  '\x15': 'delete-to-start',
  '\x17': 'delete-word',
  '\x19': 'yank',
  '\x1a': 'suspend',
} as const

export type KeyName =
  | (typeof CONTROL)[keyof typeof CONTROL]
  | ('newline' | 'shift-tab' | 'escape' | 'delete' | 'word-left' | 'word-right' | 'delete-next-word' | 'edit')

/** Keys that are the same with Alt or Ctrl, and what they are then. */
const NAMED: readonly (readonly [flag: keyof InkKey, name: KeyName, modified?: KeyName])[] = [
  ['leftArrow', 'left', 'word-left'],
  ['rightArrow', 'right', 'word-right'],
  ['upArrow', 'up'],
  ['downArrow', 'down'],
  ['home', 'home'],
  ['end', 'end'],
  ['delete', 'delete'],
  ['backspace', 'backspace', 'delete-word'],
  ['return', 'enter', 'newline'],
  ['escape', 'escape'],
]
const WITH_ALT: Record<string, KeyName> = { b: 'word-left', d: 'delete-next-word', f: 'word-right' }

/** Sequences that Ink gives as texts, without their ESC: bracketed paste, and Shift-Enter as xterm sends it. */
const [PASTE_BEGIN, PASTE_END, SHIFT_ENTER] = ['[200~', '[201~', '[27;2;13~']
/** A sequence that means nothing here, without its ESC. Brackets alone may be typed. */
const UNKNOWN = /^(\[[0-?]*[ -/]*[@-Z\\^-~]|O[A-Z])$/

/** Turns what Ink's `useInput` reports into keys. */
export class KeyReader {
  /** The pasted text so far, during a paste. */
  private pasted?: string
  private isAfterCtrlX = false

  read(input: string, ink: InkKey): Key[] {
    if (this.pasted !== undefined) return this.paste(input, ink)
    if (input === PASTE_BEGIN) this.pasted = ''
    if (input === SHIFT_ENTER) return [named('newline')]
    if (ink.tab) return [named(ink.shift ? 'shift-tab' : 'tab')]
    const found = NAMED.find(([flag]) => ink[flag])
    if (found) {
      const [flag, name, modified = name] = found
      return [named(ink.ctrl || ink.meta || (flag === 'return' && ink.shift) ? modified : name)]
    }
    if (ink.ctrl) return this.typed(String.fromCharCode(input.charCodeAt(0) & 31))
    if (ink.meta) return WITH_ALT[input] ? [named(WITH_ALT[input])] : []
    return UNKNOWN.test(input) ? [] : this.typed(input)
  }

  /** Collects a paste, which may come in several events, with CR at its line ends. */
  private paste(input: string, ink: InkKey): Key[] {
    if (input !== PASTE_END) {
      this.pasted += ink.tab ? '\t' : input
      return []
    }
    const text = (this.pasted ?? '').replace(/\r\n?/g, '\n')
    this.pasted = undefined
    return [{ kind: 'paste', text }]
  }

  /** Text with the control characters of keys between: quick keys arrive together. */
  private typed(text: string): Key[] {
    return (text.match(/\p{Cc}|\P{Cc}+/gu) ?? []).flatMap((piece): Key[] => {
      const wasAfterCtrlX = this.isAfterCtrlX
      this.isAfterCtrlX = piece === CTRL_X
      if (wasAfterCtrlX && piece === CTRL_E) return [named('edit')]
      const name = (CONTROL as Record<string, KeyName | undefined>)[piece]
      if (name || /^\p{Cc}/u.test(piece)) return name ? [named(name)] : []
      return [{ kind: 'text', text: piece }]
    })
  }
}

function named(name: KeyName): Key {
  return { kind: 'key', name }
}
