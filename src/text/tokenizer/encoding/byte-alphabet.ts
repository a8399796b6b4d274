import { BYTE_ALPHABET } from '../../../model/checkpoint/byte-pair-forms.js'

const CODES = Uint16Array.from(BYTE_ALPHABET, (character) => character.charCodeAt(0))
const FROM_UTF16 = new TextDecoder('utf-16le', { ignoreBOM: true })

const BYTE_OF_CHARACTER: ReadonlyMap<string, number> = new Map(
  BYTE_ALPHABET.map((character, byte): [string, number] => [character, byte]),
)

/** Writes the UTF-8 bytes of a text in the byte alphabet. */
export function toByteAlphabet(text: string): string {
  // Most words: a blank and letters that are written as themselves.
  if (/^ ?[!-~]*$/.test(text)) return text.startsWith(' ') ? BYTE_ALPHABET[0x20] + text.slice(1) : text
  const bytes = new TextEncoder().encode(text)
  const codes = new Uint16Array(bytes.length)
  for (let at = 0; at < bytes.length; at++) codes[at] = CODES[bytes[at]]
  return FROM_UTF16.decode(codes)
}

/** Bytes of a token in the byte alphabet; undefined if a character is not in the alphabet. */
export function bytesFromAlphabet(token: string): Uint8Array | undefined {
  const bytes = new Uint8Array(token.length)
  for (let at = 0; at < token.length; at++) {
    const byte = BYTE_OF_CHARACTER.get(token[at])
    if (byte === undefined) return undefined
    bytes[at] = byte
  }
  return bytes
}
