/*
 * A text from a file or the hub must not control the terminal that shows it. Three kinds of characters could: control
 * characters, separators of lines and paragraphs, and characters that change the direction of the text. Their
 * substitutes depend on the text: a name, a message with names in it, or running text.
 */
const STEERING = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu
/** In a name, invisible characters count, too. In running text they join letters and emoji. */
const STEERING_OR_UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

/** Maximum characters of a name in an error message. */
const LONGEST = 160

/** Escapes a name for one line: unsafe characters become \xNN, and it is cut after `most` characters. */
export function printable(name: string, most = LONGEST): string {
  const cut = name.length > most ? `${name.slice(0, most)}...` : name
  return cut.replace(STEERING_OR_UNSEEN, escaped)
}

/** Escapes a message of one or more lines, at its full length: unsafe characters become \xNN. */
export function printableLines(message: string): string {
  return message.replace(STEERING, (c) => (c === '\n' ? c : escaped(c)))
}

/** Cleans running text, such as a model's: keeps line ends and tabs, and replaces other unsafe characters by U+FFFD. */
export function printableText(text: string): string {
  return text.replace(/\r\n/g, '\n').replace(STEERING, (c) => (c === '\n' || c === '\t' ? c : '\u{fffd}'))
}

/**
 * JSON of a value on one line, with unsafe and invisible characters as \uNNNN: a user who allows a call must see all of
 * its arguments. Emoji keep what joins and colours them.
 */
export function printableJson(value: unknown): string {
  const inHex = (unit: string) => `\\u${hex(unit).padStart(4, '0')}`
  return JSON.stringify(value).replace(HIDDEN, (c) => c.split('').map(inHex).join(''))
}

const HIDDEN = /(?!(?<=\p{Extended_Pictographic}\ufe0f?)[\ufe0f\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{DI}]/gu

/**
 * Escapes a command's output for a terminal: keeps colours and styles, and writes other unsafe characters as \uNNNN. Text
 * that blinks or is hidden is no style of molm's.
 */
export function printableOutput(text: string): string {
  return text.replace(COLOUR_OR_STEERING, (c) =>
    c.length > 1 || c === '\n' || c === '\t' ? c : `\\u${hex(c).padStart(4, '0')}`,
  )
}

/** Colours by number or by their parts, and all other styles of SGR but 5, 6 (blink) and 8 (hide). */
const STYLE = '(?:[34]8;5;\\d{1,3}|[34]8;2(?:;\\d{1,3}){3}|(?!0*[568][;m]|[34]8)\\d{1,3})'
const COLOUR_OR_STEERING = new RegExp(`\\u001b\\[(?:${STYLE}(?:;${STYLE})*)?m|${STEERING.source}`, 'gu')

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
