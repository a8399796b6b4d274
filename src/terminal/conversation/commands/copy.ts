import { spawn } from 'node:child_process'
import { GrowingMarkdown } from '../../../chat/markdown/growing-markdown.js'
import type { SyntaxNode } from '../../../chat/markdown/nodes.js'
import { UsageError, UserError } from '../../../ground/errors.js'
import { formatBytes } from '../../../ground/numbers.js'
import { harmless } from '../../../ground/output/cell-width.js'
import { linesOfCode } from '../../markdown/draw-blocks.js'
import type { Chat } from '../chat-state.js'

const TMUX_MS = 2000

/** Copies the last answer, or with `code` its last code block, to the clipboard of the user's terminal. */
export async function copy(chat: Chat, argument: string, env: NodeJS.ProcessEnv = process.env): Promise<void> {
  if (argument !== '' && argument !== 'code') throw new UsageError('/copy takes the last answer, /copy code its code')
  const { messages } = chat.conversation
  const last = messages.findLast(({ role, content }) => role === 'assistant' && content.trim() !== '')
  // As it is shown.
  const answer = last && harmless(last.content).trim()
  if (answer === undefined) throw new UsageError('there is no answer to copy')
  const text = argument === 'code' ? lastCodeBlock(answer) : answer
  if (text === undefined) throw new UsageError('the last answer has no code block; /copy takes all of it')
  const bytes = Buffer.byteLength(text)
  if (bytes > MOST_CLIPBOARD_BYTES) {
    const [size, most] = [bytes, MOST_CLIPBOARD_BYTES].map(formatBytes)
    throw new UserError(`${size} are too long for a terminal's clipboard, which takes ${most}; /save saves all`)
  }
  const count = new Intl.NumberFormat('en').format([...text].length)
  const copied = `copied ${argument === 'code' ? 'a code block' : 'the answer'}, ${count} characters`
  if (env.TMUX && (await loadTmuxBuffer(text))) {
    chat.say('note', `${copied}, also into the buffer of tmux; some terminals refuse it`)
  } else {
    if (env.TERM === 'linux' || !chat.terminal) throw new UsageError('this terminal has no clipboard')
    chat.terminal.send(clipboardSequence(text, env))
    chat.say('note', `${copied}; some terminals refuse it`)
  }
}

/** The last fenced code block in a Markdown text, without its indentation; the last fence may be missing. */
export function lastCodeBlock(text: string): string | undefined {
  let last: SyntaxNode | undefined
  new GrowingMarkdown().parse(text, true).iterate({
    enter: ({ name, node }) => {
      if (name === 'FencedCode') last = node
    },
  })
  return last && linesOfCode(last, text).join('\n')
}

/** Sets the newest buffer of tmux, which passes it on to the clipboard, whatever its options; false if it cannot. */
function loadTmuxBuffer(text: string): Promise<boolean> {
  return new Promise((resolve) => {
    const tmux = spawn('tmux', ['load-buffer', '-w', '-'], { stdio: ['pipe', 'ignore', 'ignore'], timeout: TMUX_MS })
    tmux.on('error', () => resolve(false))
    tmux.on('close', (code) => resolve(code === 0))
    tmux.stdin.on('error', () => undefined)
    tmux.stdin.end(text)
  })
}

/*
 * Writes OSC 52 ; c ; BASE64 BEL, which sets the clipboard (xterm ctlseqs, "Operating System Commands", Ps = 52). Programs
 * that show terminals within a terminal pass on what is in a device control string (DCS, ECMA-48 8.3.27): tmux after
 * `tmux;` with each ESC doubled, if its option allow-passthrough is on; GNU screen in short pieces.
 */

/** Maximum bytes of a text: with 4/3 of them in base64, no known terminal refuses it for its length. */
export const MOST_CLIPBOARD_BYTES = 74_000
const PIECE = 240

/** The sequences that put a text into the clipboard of the user's terminal; `env` says what is between. */
export function clipboardSequence(text: string, env: Readonly<Record<string, string | undefined>>): string {
  const sequence = `\x1b]52;c;${Buffer.from(text).toString('base64')}\x07`
  // tmux takes the sequence itself if its option set-clipboard is on.
  if (env.TMUX) return `${sequence}\x1bPtmux;${sequence.replaceAll('\x1b', '\x1b\x1b')}\x1b\\`
  if (!env.STY) return sequence
  const pieces = sequence.match(new RegExp(`[^]{1,${PIECE}}`, 'g')) ?? []
  return pieces.map((piece) => `\x1bP${piece}\x1b\\`).join('')
}
