import { fields, isNumber, isText, whole } from '../../../ground/json/forms.js'
import { isObject, parseJsonObject } from '../../../ground/json/json.js'
import { crc32 } from '../../../ground/platform/checksums.js'
import { CompiledVocabulary } from './compiled-vocabulary.js'
import { MergeTable } from './merge-table.js'
import { MOST_IDS } from './vocabulary.js'

/*
 * The bytes of tokenizer.molm, little-endian:
 *
 *   magic, 8 bytes | CRC-32 of all that follows, u32 | length of the header, u32 | header, JSON padded with blanks |
 *   vocabulary starts, i32[size + 1]: the first byte of each id's token in the text |
 *   ids in the order of their tokens' bytes, i32[tokens] |
 *   merge starts, i32[size + 1]: how many merges have a left token with a smaller id |
 *   rights, by left and right id; ranks; merged tokens, by rank: i32[merges] each | text: the tokens in UTF-8, by id
 */

/** A tokenizer.json whose vocabulary and merges need no parsing. */
export interface CompiledTokenizer {
  source: TokenizerSource
  /** Contents of tokenizer.json; its `model` lacks `vocab` and `merges`. */
  json: Record<string, unknown> & { model: Record<string, unknown> }
  vocabulary: CompiledVocabulary
  merges: MergeTable
}

export interface TokenizerSource {
  bytes: number
  /** Milliseconds since 1970. */
  modified: number
  /** In hex. */
  sha256: string
}

/** Ends with the version of the layout. */
const MAGIC = new TextEncoder().encode('molmtok1')
const PREFIX_BYTES = 16
const MOST_HEADER_BYTES = 4 * 2 ** 20
const MOST_MERGES = 2 ** 21
const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

/** Undefined on a big-endian machine, whose arrays have other bytes. */
export function encodeCompiled({ source, json, vocabulary, merges }: CompiledTokenizer): Uint8Array[] | undefined {
  if (!isLittleEndian) return undefined
  const { size, longest, hasBlankInside } = vocabulary
  const { starts, inOrder, text } = vocabulary.arrays
  const { starts: mergeStarts, rights, ranks, merged } = merges.arrays
  const counts = { size, tokens: inOrder.length, merges: merged.length, text: text.length }
  const header = new TextEncoder().encode(JSON.stringify({ source, counts, longest, hasBlankInside, json }))
  const padding = new Uint8Array(-header.length & 3).fill(0x20)
  const arrays = [starts, inOrder, mergeStarts, rights, ranks, merged].map(
    ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength),
  )
  const prefix = new Uint8Array(PREFIX_BYTES)
  prefix.set(MAGIC)
  const fields = new DataView(prefix.buffer)
  fields.setUint32(12, header.length + padding.length, true)
  const pieces = [prefix, header, padding, ...arrays, text]
  fields.setUint32(
    8,
    pieces.reduce((crc, piece, i) => crc32(i === 0 ? piece.subarray(12) : piece, crc), 0),
    true,
  )
  return pieces
}

/**
 * Reads the bytes of tokenizer.molm. Undefined if they are damaged or of another version. Throws a UserError, or
 * returns undefined, for a header that makes no sense; the arrays are checked, so that no search leaves them.
 */
export function decodeCompiled(bytes: Uint8Array, path: string): CompiledTokenizer | undefined {
  if (!isLittleEndian || bytes.length < PREFIX_BYTES || MAGIC.some((byte, at) => bytes[at] !== byte)) return undefined
  const fields = new DataView(bytes.buffer, bytes.byteOffset, PREFIX_BYTES)
  const headerBytes = fields.getUint32(12, true)
  const headerEnd = PREFIX_BYTES + headerBytes
  if (headerBytes > MOST_HEADER_BYTES || headerEnd > bytes.length || headerEnd % 4 !== 0) return undefined
  if (crc32(bytes.subarray(12)) !== fields.getUint32(8, true)) return undefined

  const header = parseJsonObject(bytes.subarray(PREFIX_BYTES, headerEnd), path)
  const { source, counts, longest, hasBlankInside, json } = header
  if (!isSource(source) || !isObject(counts) || !isObject(json) || !isObject(json.model)) return undefined
  const { size, tokens, merges, text } = counts
  if (!whole(0, MOST_IDS)(size) || !whole(0, size)(tokens) || !whole(0, MOST_MERGES)(merges)) return undefined
  if (!whole(0, bytes.length)(text) || !whole(0, text)(longest)) return undefined
  const lengths = [size + 1, tokens, size + 1, merges, merges, merges]
  const textStart = headerEnd + 4 * lengths.reduce((sum, length) => sum + length, 0)
  if (textStart + text !== bytes.length) return undefined

  let at = bytes.byteOffset + headerEnd
  const [starts, inOrder, mergeStarts, rights, ranks, merged] = lengths.map((length) => {
    const array = new Int32Array(bytes.buffer, at, length)
    at += array.byteLength
    return array
  })
  const areStarts = divides(starts, text) && divides(mergeStarts, merges)
  const areIds = [inOrder, rights, merged].every((ids) => areBelow(ids, size))
  if (!areStarts || !areIds || !areBelow(ranks, merges)) return undefined
  return {
    source,
    json: { ...json, model: json.model },
    vocabulary: new CompiledVocabulary(
      { starts, inOrder, text: bytes.subarray(textStart) },
      longest,
      hasBlankInside === true,
    ),
    merges: new MergeTable({ starts: mergeStarts, rights, ranks, merged }),
  }
}

const isSource = fields<TokenizerSource>({ bytes: isNumber, modified: isNumber, sha256: isText })

/** Whether starts rise from 0 to `end`. */
function divides(starts: Int32Array, end: number): boolean {
  for (let at = 1; at < starts.length; at++) if (starts[at] < starts[at - 1]) return false
  return starts[0] === 0 && starts[starts.length - 1] === end
}

function areBelow(numbers: Int32Array, bound: number): boolean {
  for (const number of numbers) if (number < 0 || number >= bound) return false
  return true
}
