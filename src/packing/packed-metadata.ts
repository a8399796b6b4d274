import { UserError } from '../errors.js'
import { parseJsonObject } from '../json.js'
import { printable } from '../printable.js'
import { type PartFormats, QUANTS, type Quant, type WeightFormat } from './format.js'

/** What a packed file says of itself. */
export interface PackedMetadata {
  quant: Quant
  formats: PartFormats
  /** The checkpoint it was packed from: a repository or a folder's name. */
  source: string
  /** Commit of that repository. */
  sourceRevision?: string
}

/** Raised when a file written today would be misread by the molm of yesterday. */
const FORMAT_VERSION = 1

const encoder = new TextEncoder()

const MATRIX_PARTS = ['router', 'attention', 'mlp', 'head'] as const

/** The strings of the file's __metadata__, in the order they are written. `checksums`: SHA-256 in hex by part. */
export function encodeMetadata(metadata: PackedMetadata, checksums: Record<string, string>): Record<string, string> {
  const { quant, formats, source, sourceRevision } = metadata
  const { embedding, router, attention, mlp, head } = formats
  return {
    format: 'molm',
    format_version: String(FORMAT_VERSION),
    quant,
    formats: JSON.stringify({ embedding, router, attention, mlp, head }),
    source,
    ...(sourceRevision === undefined ? {} : { source_revision: sourceRevision }),
    checksums: JSON.stringify(checksums),
  }
}

/** Reads them back. Throws a UserError when the file is not of molm, of a later version or incomplete. */
export function decodeMetadata(
  strings: Record<string, string>,
  path: string,
): { metadata: PackedMetadata; checksums: Record<string, unknown> } {
  if (strings.format !== 'molm') {
    throw new UserError(`${path}: this is an ordinary checkpoint, not packed by molm; give its folder instead`)
  }
  checkVersion(strings.format_version, path)
  const { quant, source = '', source_revision: sourceRevision } = strings
  if (!isQuant(quant)) throw damaged(path, `has the unknown quant ${printable(String(quant))}`)
  return {
    metadata: {
      quant,
      formats: decodeFormats(strings.formats, path),
      source,
      ...(sourceRevision === undefined ? {} : { sourceRevision }),
    },
    checksums: parseJsonObject(encoder.encode(strings.checksums), `${path} (checksums)`),
  }
}

function checkVersion(text: string | undefined, path: string): void {
  const version = Number(text)
  if (!(Number.isInteger(version) && version >= 1)) throw damaged(path, 'does not say its format version')
  if (version <= FORMAT_VERSION) return
  throw new UserError(
    `${path}: packed by a newer molm (format ${version}, this one reads up to ${FORMAT_VERSION}); ` +
      'update molm, or pack the model again',
  )
}

function decodeFormats(text: string | undefined, path: string): PartFormats {
  const formats = parseJsonObject(encoder.encode(text), `${path} (formats)`)
  const { embedding } = formats
  if (embedding !== 'f32' && embedding !== 'q8') throw damaged(path, 'has no known format for its embedding')
  const format = (part: (typeof MATRIX_PARTS)[number]): WeightFormat => {
    const value = formats[part]
    if (isQuant(value)) return value
    throw damaged(path, `has no known format for its ${part}`)
  }
  return {
    embedding,
    router: format('router'),
    attention: format('attention'),
    mlp: format('mlp'),
    head: format('head'),
  }
}

function isQuant(value: unknown): value is Quant {
  return QUANTS.some((quant) => quant === value)
}

/** A packed file that contradicts itself. */
export function damaged(path: string, why: string): UserError {
  return new UserError(`${path}: the packed file is damaged: it ${why}; pack the model again`)
}
