import { UserError } from '../../../ground/errors.js'
import { type Form, fields, isCount, isText, listOf, oneOf, valuesOf } from '../../../ground/json/forms.js'
import { isObject, parseJsonObject } from '../../../ground/json/json.js'
import { printable } from '../../../ground/printable.js'
import { takesFloats } from '../../../kernels/memory/formats.js'
import { isMxfp4, isWeightFormat, type PartFormats, QUANTS, type Quant, type WeightFormat } from './formats.js'

export interface PackedMetadata {
  quant: Quant
  formats: PartFormats
  /** Checkpoint that it was packed from: name of a repository or a folder. */
  source: string
  /** Commit of that repository. */
  sourceRevision?: string
  /** Branch, tag or commit that was asked for; absent for main. */
  sourceBranch?: string
  /** SHA-256 in hex of the files next to it, by name; config.json is one of them. */
  files: Record<string, string>
  /** Summaries of what it was taught after its training, as the teacher gave them; the latest is the last. */
  taught?: Record<string, unknown>[]
  /** Text whose inputs decided how the weights were rounded. Absent if they were rounded each by itself. */
  calibration?: CalibrationRecord
}

export interface CalibrationRecord {
  /** Names of the texts, and the SHA-256 of their bytes in hex; of a text that the model wrote, of its ids. */
  texts: { name: string; sha256: string }[]
  tokens: number
  /** Experts that no token chose. Their weights were rounded each by itself. */
  unseen: number
}

export interface PartChecksums {
  sha256: string
  /** CRC-32 as eight hex digits, cheap enough to be compared when the part is read. */
  crc32: string
}

/** Highest version that is read. A file has the lowest version whose readers understand it. */
const FORMAT_VERSION = 3

/** Version 2 adds the MXFP4 formats, version 3 formats of single matrices. */
function versionOf({ mlp, pieces }: PartFormats): number {
  if (pieces) return 3
  return isMxfp4(mlp) ? 2 : 1
}

export const SHA256_HEX = /^[0-9a-f]{64}$/

const encoder = new TextEncoder()

const MATRIX_PARTS = ['router', 'attention', 'mlp', 'head'] as const

/** Strings of the file's __metadata__, in the order of writing. */
export function encodeMetadata(
  metadata: PackedMetadata,
  checksums: ReadonlyMap<string, PartChecksums>,
): Record<string, string> {
  const { quant, formats, source, sourceRevision, sourceBranch, files, taught, calibration } = metadata
  const byPart = (kind: keyof PartChecksums) =>
    JSON.stringify(Object.fromEntries([...checksums].map(([part, known]) => [part, known[kind]])))
  const { embedding, router, attention, mlp, head, pieces } = formats
  return {
    format: 'molm',
    format_version: String(versionOf(formats)),
    quant,
    formats: JSON.stringify({ embedding, router, attention, mlp, head, ...(pieces && { pieces }) }),
    source,
    ...(sourceRevision === undefined ? {} : { source_revision: sourceRevision }),
    ...(sourceBranch === undefined ? {} : { source_branch: sourceBranch }),
    files: JSON.stringify(files),
    ...(taught === undefined ? {} : { taught: JSON.stringify({ teachings: taught }) }),
    ...(calibration === undefined ? {} : { calibration: encodeCalibration(calibration) }),
    checksums: byPart('sha256'),
    crc32: byPart('crc32'),
  }
}

/** Reads the file's __metadata__. Throws a UserError if it is not molm's, of a later version or incomplete. */
export function decodeMetadata(
  strings: Record<string, string>,
  path: string,
): { metadata: PackedMetadata; checksums: Record<string, unknown>; crc32: Record<string, unknown> } {
  if (strings.format !== 'molm') {
    throw new UserError(`${path}: this is an ordinary checkpoint, not packed by molm; give its folder instead`)
  }
  checkVersion(strings.format_version, path)
  const { quant, source = '', source_revision: sourceRevision, source_branch: sourceBranch } = strings
  const objectIn = (key: string) => parseJsonObject(encoder.encode(strings[key]), `${path} (${key})`)
  const read = <T>(key: string, form: Form<T>, fault: string): T => {
    const value = objectIn(key)
    if (form(value)) return value
    throw damaged(path, fault)
  }
  if (!isQuant(quant)) throw damaged(path, `has the unknown quant ${printable(String(quant))}`)
  return {
    metadata: {
      quant,
      formats: decodeFormats(strings.formats, path),
      source,
      ...(sourceRevision === undefined ? {} : { sourceRevision }),
      ...(sourceBranch === undefined ? {} : { sourceBranch }),
      files: read('files', valuesOf(isSha256), 'has a file beside it without a checksum'),
      ...(strings.calibration !== undefined && {
        calibration: read('calibration', isCalibration, 'has no readable record of its calibration'),
      }),
      ...(strings.taught !== undefined && {
        taught: read('taught', isTaught, 'has no readable record of what it was taught').teachings,
      }),
    },
    checksums: objectIn('checksums'),
    crc32: objectIn('crc32'),
  }
}

const isCalibration = fields<CalibrationRecord>({
  texts: listOf(fields({ name: isText, sha256: isSha256 })),
  tokens: isCount,
  unseen: isCount,
})

const isTaught = fields({ teachings: listOf(isObject) })

function isSha256(value: unknown): value is string {
  return isText(value) && SHA256_HEX.test(value)
}

/** Pads the account, since the number of unseen experts is known only when the place of the weights is. */
function encodeCalibration(calibration: CalibrationRecord): string {
  const { length } = JSON.stringify({ ...calibration, unseen: 99_999_999 })
  return JSON.stringify(calibration).padEnd(length)
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
    if (part === 'mlp' && (value === 'mxfp4' || value === 'mxfp4_f32')) return value
    throw damaged(path, `has no known format for its ${part}`)
  }
  return {
    embedding,
    router: format('router'),
    attention: format('attention'),
    mlp: format('mlp'),
    head: format('head'),
    ...(formats.pieces !== undefined && { pieces: decodePieces(formats, path) }),
  }
}

/** Reads the formats of single matrices. Each must be of the same class as its kind: products take one or the other. */
function decodePieces({ pieces, ...kinds }: Record<string, unknown>, path: string): PartFormats['pieces'] {
  if (!isObject(pieces)) throw damaged(path, 'has no readable formats of single matrices')
  // Routers may be f32 beside matrices that take records.
  const floats = isWeightFormat(kinds.mlp) && takesFloats(kinds.mlp)
  for (const [name, format] of Object.entries(pieces)) {
    if (!isWeightFormat(format)) throw damaged(path, `has no known format for ${printable(name)}`)
    if (takesFloats(format) !== floats)
      throw damaged(path, `has the impossible format ${format} for ${printable(name)}`)
  }
  return pieces as Record<string, WeightFormat>
}

const isQuant = oneOf(QUANTS)

export function differs(path: string, part: string): UserError {
  return damaged(path, `has a part ${printable(part)} that does not match its checksum`)
}

/** Error of a packed file that is not what molm wrote. */
export function damaged(path: string, why: string): UserError {
  return new UserError(`${path}: the packed file is damaged: it ${why}; pack the model again`)
}
