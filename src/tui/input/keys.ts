/** What a user does at the keyboard. */
export type Key =
  | { kind: 'text'; text: string }
  | { kind: 'paste'; text: string }
  | { kind: 'key'; name: KeyName }
  /** Not the user's: the terminal's answer to what its background is. */
  | { kind: 'background'; isLight: boolean }

export type KeyName =
  | 'enter'
  | 'newline'
  /** Ctrl-J; and Enter, as long as the terminal is not in raw mode. */
  | 'line-feed'
  | 'tab'
  | 'escape'
  | 'backspace'
  | 'delete'
  | 'left'
  | 'right'
  | 'up'
  | 'down'
  | 'home'
  | 'end'
  | 'word-left'
  | 'word-right'
  | 'delete-word'
  | 'delete-next-word'
  | 'delete-to-end'
  | 'delete-to-start'
  | 'yank'
  | 'search'
  | 'repaint'
  | 'suspend'
  | 'ctrl-c'
  | 'ctrl-d'

const PASTE_BEGIN = '\x1b[200~'
const PASTE_END = '\x1b[201~'

const CONTROL: Record<string, KeyName> = {
  '\r': 'enter',
  '\n': 'line-feed',
  '\t': 'tab',
  '\x7f': 'backspace',
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
  '\x15': 'delete-to-start',
  '\x17': 'delete-word',
  '\x19': 'yank',
  '\x1a': 'suspend',
}

/** What follows ESC. Terminals differ in how they write modifiers and the keys of the keypad. */
const SEQUENCES: Record<string, KeyName> = {
  '\r': 'newline',
  '\n': 'newline',
  '\x7f': 'delete-word',
  b: 'word-left',
  d: 'delete-next-word',
  f: 'word-right',
  '[A': 'up',
  '[B': 'down',
  '[C': 'right',
  '[D': 'left',
  '[H': 'home',
  '[F': 'end',
  OA: 'up',
  OB: 'down',
  OC: 'right',
  OD: 'left',
  OH: 'home',
  OF: 'end',
  '[1~': 'home',
  '[3~': 'delete',
  '[4~': 'end',
  '[7~': 'home',
  '[8~': 'end',
  '[1;3C': 'word-right',
  '[1;3D': 'word-left',
  '[1;5C': 'word-right',
  '[1;5D': 'word-left',
  '[13;2u': 'newline',
  '[13;3u': 'newline',
  '[27;2;13~': 'newline',
}

/** Turns what a terminal sends into keys, however it is cut into pieces. */
export class KeyReader {
  private pending = ''

  /** Whether an escape sequence has begun; alone for a moment, it was the Escape key. */
  get isWaiting(): boolean {
    return this.pending === '\x1b' || this.pending === '\x1b]'
  }

  push(chunk: string): Key[] {
    let rest = this.pending + chunk
    this.pending = ''
    const keys: Key[] = []
    while (rest !== '') {
      const found = nextKey(rest)
      if (!found) {
        this.pending = rest
        break
      }
      if (found.key) keys.push(found.key)
      rest = rest.slice(found.length)
    }
    return keys
  }

  /** Gives up waiting for the rest of a sequence. */
  flush(): Key[] {
    const isEscape = this.pending === '\x1b'
    if (this.isWaiting) this.pending = ''
    return isEscape ? [{ kind: 'key', name: 'escape' }] : []
  }
}

/** The key that a text begins with; undefined while it is not whole. Unknown sequences have a length and no key. */
function nextKey(text: string): { key?: Key; length: number } | undefined {
  if (text.startsWith(PASTE_BEGIN)) {
    const end = text.indexOf(PASTE_END)
    if (end < 0) return undefined
    const pasted = text.slice(PASTE_BEGIN.length, end).replace(/\r\n?/g, '\n')
    return { key: { kind: 'paste', text: pasted }, length: end + PASTE_END.length }
  }
  if (text === '\x1b]') return undefined
  if (text.startsWith('\x1b]1')) return answerOfTerminal(text)
  if (text[0] === '\x1b') return escapeSequence(text)
  const name = CONTROL[text[0]]
  if (name) return { key: { kind: 'key', name }, length: 1 }
  const [plain = ''] = /^\P{Cc}+/u.exec(text) ?? []
  return plain === '' ? { length: 1 } : { key: { kind: 'text', text: plain }, length: plain.length }
}

/** `ESC ] 11 ; rgb:RRRR/GGGG/BBBB ESC \\`, or with a BEL at the end: the colour of the background. */
function answerOfTerminal(text: string): { key?: Key; length: number } | undefined {
  const [whole, content] = ANSWER.exec(text) ?? []
  if (whole === undefined) return text.length > MOST_ANSWER ? { length: 1 } : undefined
  const [, ...colour] = /^11;rgba?:([0-9a-f]+)\/([0-9a-f]+)\/([0-9a-f]+)/i.exec(content) ?? []
  if (colour.length === 0) return { length: whole.length }
  const [red, green, blue] = colour.map((digits) => Number.parseInt(digits, 16) / (16 ** digits.length - 1))
  return { key: { kind: 'background', isLight: 0.3 * red + 0.59 * green + 0.11 * blue > 0.5 }, length: whole.length }
}

const [ESC, BEL] = ['\u001b', '\u0007']
const ANSWER = new RegExp(`^${ESC}\\]([^${BEL}${ESC}]*)(?:${BEL}|${ESC}\\\\)`)
/** A longer answer is none. */
const MOST_ANSWER = 64

function escapeSequence(text: string): { key?: Key; length: number } | undefined {
  const sequence = sequenceAfterEscape(text.slice(1))
  if (sequence === undefined) return undefined
  const name = SEQUENCES[sequence]
  return { ...(name && { key: { kind: 'key', name } as const }), length: 1 + sequence.length }
}

function sequenceAfterEscape(rest: string): string | undefined {
  if (rest[0] === '[') return /^\[[0-?]*[ -/]*[@-~]/.exec(rest)?.[0]
  if (rest[0] === 'O') return rest.length > 1 ? rest.slice(0, 2) : undefined
  return rest === '' ? undefined : [...rest][0]
}
