/*
 * What comes from a file or the hub must not steer the terminal that shows it. One rule says what could: control
 * characters, separators of lines and paragraphs, and those that show a text in another order than it has. How they are
 * shown instead depends on what the text is: a name, lines of ours with names in them, or running text.
 */
const STEERING = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu
/** In a name also what is not seen at all. In running text such characters join letters and emoji. */
const STEERING_OR_UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

/** Longest name that an error message repeats. */
const LONGEST = 160

/** A name out of a file, on one line: what could steer is written as \xNN, and what is longer than `most` is cut. */
export function printable(name: string, most = LONGEST): string {
  const cut = name.length > most ? `${name.slice(0, most)}...` : name
  return cut.replace(STEERING_OR_UNSEEN, escaped)
}

/** A message of one or more lines, at its full length: what could steer is written as \xNN. */
export function printableLines(message: string): string {
  return message.replace(STEERING, (c) => (c === '\n' ? c : escaped(c)))
}

/** Running text, as of a model: lines and tabs stay, anything else that could steer becomes a sign. */
export function printableText(text: string): string {
  return text.replace(/\r\n/g, '\n').replace(STEERING, (c) => (c === '\n' || c === '\t' ? c : '\u{fffd}'))
}

/** All that a command prints, on its way to a terminal: colours pass, what else could steer is written as \uNNNN. */
export function printableOutput(text: string): string {
  return text.replace(COLOUR_OR_STEERING, (c) =>
    c.length > 1 || c === '\n' || c === '\t' ? c : `\\u${hex(c).padStart(4, '0')}`,
  )
}

const COLOUR_OR_STEERING = new RegExp(`\\u001b\\[[\\d;]*m|${STEERING.source}`, 'gu')

function escaped(character: string): string {
  return `\\x${hex(character).padStart(2, '0')}`
}

function hex(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16)
}

/** An error's message, on one line. */
export function reasonOf(error: unknown): string {
  return printable(error instanceof Error ? error.message : String(error))
}
