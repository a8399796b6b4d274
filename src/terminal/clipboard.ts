/*
 * Writes OSC 52 ; c ; BASE64 BEL, which sets the clipboard (xterm ctlseqs, "Operating System Commands", Ps = 52). Programs
 * that show terminals within a terminal pass on what is in a device control string (DCS, ECMA-48 8.3.27): tmux after
 * `tmux;` with each ESC doubled, if its option allow-passthrough is on; GNU screen in short pieces.
 */

/** Maximum bytes of a text: with 4/3 of them in base64, no known terminal refuses it for its length. */
export const MOST_CLIPBOARD_BYTES = 74_000
/** Maximum characters in a string of GNU screen. */
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
