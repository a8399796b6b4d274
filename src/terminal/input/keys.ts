/*
 * Reads these sequences. A sequence of ECMA-48 (5.4) is CSI (ESC [), parameter bytes 0-?, intermediate bytes blank-/,
 * and a final byte @-~. Sequences that are not listed are read whole and passed over.
 *
 *   sequence                  key                            source
 *   01 to 1a, 7f              Ctrl-A to Ctrl-Z, Backspace    ASCII; meanings of GNU Readline, and ^C ^D ^Z of termios
 *   18 05                     Ctrl-X Ctrl-E                  GNU Readline (edit-and-execute-command)
 *   ESC b, ESC d, ESC CR ...  Alt with a key                 xterm ctlseqs, "Alt and Meta Keys"
 *   CSI A B C D H F           arrows, Home, End              xterm ctlseqs, "PC-Style Function Keys"
 *   SS3 A B C D H F (ESC O)   the same, application mode     xterm ctlseqs, DECCKM
 *   CSI 1 ~  3 ~  4 ~         Home, Delete, End              DEC VT220 (Find, Remove, Select); rxvt: 7 ~ and 8 ~
 *   CSI Z                     Shift-Tab                      ECMA-48 8.3.7 (CBT); terminfo kcbt
 *   CSI 1 ; 3 C  1 ; 5 C ...  arrows with Alt (3), Ctrl (5)  xterm ctlseqs, "PC-Style Function Keys"
 *   CSI 27 ; 2 ; 13 ~         Shift-Enter                    xterm ctlseqs, modifyOtherKeys
 *   CSI 13 ; 2 u  13 ; 3 u    Shift-Enter, Alt-Enter         the same with formatOtherKeys 1; kitty keyboard protocol
 *   CSI 200 ~ ... CSI 201 ~   pasted text                    xterm ctlseqs, "Bracketed Paste Mode"
 *   OSC 11 ; rgb:R/G/B ST     colour of the background       xterm ctlseqs, "Operating System Commands"; OSC is ESC ],
 *                                                            ST is ESC \ or, from xterm, BEL
 */

/** A key, a text or a report from the terminal. */
export type Key =
  | { kind: 'text'; text: string }
  | { kind: 'paste'; text: string }
  | { kind: 'key'; name: KeyName }
  /** Not from the user: the terminal reports the colour of its background. */
  | { kind: 'background'; isLight: boolean }

export type KeyName =
  | 'enter'
  | 'newline'
  /** Ctrl-J; also Enter while the terminal is not in raw mode. */
  | 'line-feed'
  | 'tab'
  | 'shift-tab'
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
  | 'thoughts'
  /** Ctrl-X Ctrl-E. */
  | 'edit'
  | 'repaint'
  | 'suspend'
  | 'ctrl-c'
  | 'ctrl-d'

const PASTE_BEGIN = '\x1b[200~'
const PASTE_END = '\x1b[201~'

const CTRL_X = '\x18'
const CTRL_X_CTRL_E = '\x18\x05'

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
  '\x14': 'thoughts',
  '\x15': 'delete-to-start',
  '\x17': 'delete-word',
  '\x19': 'yank',
  '\x1a': 'suspend',
}

/** Keys by the bytes after ESC. */
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
  '[Z': 'shift-tab',
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

/** Turns the input of a terminal into keys. Chunks may end anywhere, even inside a sequence. */
export class KeyReader {
  private pending = ''

  /** Whether ESC or ESC ] is waiting for the rest of a sequence. If none comes soon, call `flush`. */
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

  /** Stops waiting for the rest of a sequence: a lone ESC is the Escape key. */
  flush(): Key[] {
    const isEscape = this.pending === '\x1b'
    if (this.isWaiting) this.pending = ''
    return isEscape ? [{ kind: 'key', name: 'escape' }] : []
  }
}

/** The key at the beginning of a text; undefined if its sequence is not complete. An unknown sequence has no key. */
function nextKey(text: string): { key?: Key; length: number } | undefined {
  if (text.startsWith(PASTE_BEGIN)) {
    const end = text.indexOf(PASTE_END)
    if (end < 0) return undefined
    const pasted = text.slice(PASTE_BEGIN.length, end).replace(/\r\n?/g, '\n')
    return { key: { kind: 'paste', text: pasted }, length: end + PASTE_END.length }
  }
  if (text === '\x1b]') return undefined
  if (text.startsWith('\x1b]1')) return terminalReport(text)
  if (text[0] === '\x1b') return escapeSequence(text)
  // The second key may come much later.
  if (text === CTRL_X) return undefined
  if (text.startsWith(CTRL_X_CTRL_E)) return { key: { kind: 'key', name: 'edit' }, length: CTRL_X_CTRL_E.length }
  const name = CONTROL[text[0]]
  if (name) return { key: { kind: 'key', name }, length: 1 }
  const [plain = ''] = /^\P{Cc}+/u.exec(text) ?? []
  return plain === '' ? { length: 1 } : { key: { kind: 'text', text: plain }, length: plain.length }
}

/** Reads an OSC report. */
function terminalReport(text: string): { key?: Key; length: number } | undefined {
  const [whole, content] = REPORT.exec(text) ?? []
  if (whole === undefined) return text.length > MOST_REPORT ? { length: 1 } : undefined
  const [, ...colour] = /^11;rgba?:([0-9a-f]+)\/([0-9a-f]+)\/([0-9a-f]+)/i.exec(content) ?? []
  if (colour.length === 0) return { length: whole.length }
  const [red, green, blue] = colour.map((digits) => Number.parseInt(digits, 16) / (16 ** digits.length - 1))
  return { key: { kind: 'background', isLight: 0.3 * red + 0.59 * green + 0.11 * blue > 0.5 }, length: whole.length }
}

const [ESC, BEL] = ['\u001b', '\u0007']
const REPORT = new RegExp(`^${ESC}\\]([^${BEL}${ESC}]*)(?:${BEL}|${ESC}\\\\)`)
/** Maximum characters of a report; longer text is input. */
const MOST_REPORT = 64

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
