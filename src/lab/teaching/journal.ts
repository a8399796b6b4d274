import { createHash } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { TrainingState } from '../../api/training.js'
import { codeOf, UserError } from '../../ground/errors.js'
import { writeAtomically } from '../../ground/files/write-atomically.js'
import { fields, isCount, isNumber, isText, listOf, optional } from '../../ground/json/forms.js'
import { parseJsonObject } from '../../ground/json/json.js'
import { option, phrase } from '../../ground/message.js'
import type { ReplaySequences } from './rehearsal.js'
import type { TeachingPoint } from './teach-events.js'

export interface Journal {
  /** Points of the curve: the beginning and each step of the state. */
  curve: TeachingPoint[]
  state: TrainingState
  best: Float32Array
  /** Replay sequences that the model wrote, by dataset. */
  replay: ReplaySequences[]
}

const MAGIC = 'molm teaching 3\n'
const SHA256_BYTES = 32
const ARRAYS = ['weights', 'firstMoments', 'secondMoments'] as const

/** Path of a training's journal: a file next to `out`, so that `out` never holds a half-taught model. */
export function journalPath(out: string): string {
  return `${resolve(out)}.teaching`
}

/** Key of a journal, in hex: it changes with the options, the texts and the model. */
export function fingerprint(of: object, texts: readonly string[], keepTexts: readonly string[]): string {
  const lengths = [texts, keepTexts].map((list) => list.map(({ length }) => length))
  const hash = createHash('sha256').update(JSON.stringify({ ...of, lengths }))
  for (const text of [...texts, ...keepTexts]) hash.update(text)
  return hash.digest('hex')
}

/**
 * Writes a journal, whole or not at all: magic, length of the header, header (JSON), the floats of weights, moments and
 * best weights, and the SHA-256 of all of them.
 */
export async function writeJournal(path: string, key: string, journal: Journal): Promise<void> {
  const { state, best, ...rest } = journal
  const arrays = [...ARRAYS.map((name) => state[name]), best].map(bytesOf)
  const header = { key, ...rest, steps: state.steps, floats: best.length }
  const json = Buffer.from(JSON.stringify(header, (_, value) => (value instanceof Int32Array ? [...value] : value)))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(json.length)
  const pieces = [Buffer.from(MAGIC), length, json, ...arrays]
  const hash = createHash('sha256')
  for (const bytes of pieces) hash.update(bytes)
  // It is large, and a teaching is its only writer: the next one replaces what a kill left.
  await writeAtomically(path, [...pieces, hash.digest()], { partial: `${path}.partial` })
}

/** Reads a journal. Rejects with a UserError if it is missing, damaged, or of another version or training. */
export async function readJournal(path: string, key: string): Promise<Journal> {
  const bytes = await readFile(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') throw new UserError(`${path}: no such file; there is no training to resume`)
    throw new UserError(`${path}: cannot be read (${codeOf(error)})`)
  })
  const damaged = new UserError(
    phrase`${path}: damaged, or not of this version of molm; teach without ${option('resume')}, from the beginning`,
  )
  const start = MAGIC.length + 4
  const whole = bytes.subarray(0, -SHA256_BYTES)
  if (whole.length < start || whole.toString('latin1', 0, MAGIC.length) !== MAGIC) throw damaged
  if (!createHash('sha256').update(whole).digest().equals(bytes.subarray(-SHA256_BYTES))) throw damaged
  const end = start + whole.readUInt32LE(MAGIC.length)
  const header = parseJsonObject(whole.subarray(start, end), path)
  const body = whole.subarray(end)
  const isWhole =
    isHeader(header) && header.curve.length === header.steps + 1 && header.curve.every(({ step }, i) => step === i)
  if (!isWhole || body.length !== header.floats * 4 * (ARRAYS.length + 1)) throw damaged
  if (header.key !== key) {
    throw new UserError(
      phrase`${path}: belongs to another training; give the same model, texts and options, or omit ${option('resume')}`,
    )
  }
  const floats = new Float32Array(body.buffer.slice(body.byteOffset, body.byteOffset + body.length))
  const [weights, firstMoments, secondMoments, best] = Array.from({ length: ARRAYS.length + 1 }, (_, i) =>
    floats.slice(i * header.floats, (i + 1) * header.floats),
  )
  const { curve, steps } = header
  const idsOf = (sequences: readonly number[][]) => sequences.map((ids) => Int32Array.from(ids))
  const replay = header.replay.map(({ train, heldOut }) => ({ train: idsOf(train), heldOut: idsOf(heldOut) }))
  return { curve, replay, best, state: { steps, weights, firstMoments, secondMoments } }
}

export async function removeJournal(path: string): Promise<void> {
  await rm(path, { force: true })
}

interface Header extends Pick<Journal, 'curve'> {
  key: string
  steps: number
  floats: number
  /** Sequences as lists of ids. */
  replay: { train: number[][]; heldOut: number[][] }[]
}

const isIds = listOf(listOf(isCount))

const isPoint = fields<TeachingPoint>({
  step: isCount,
  tokens: isCount,
  loss: optional(isNumber),
  divergence: optional(isNumber),
  heldOutLoss: optional(isNumber),
  retainedLoss: optional(isNumber),
  newExpertShare: optional(isNumber),
})

const isHeader = fields<Header>({
  key: isText,
  steps: isCount,
  floats: isCount,
  curve: listOf(isPoint),
  replay: listOf(fields({ train: isIds, heldOut: isIds })),
})

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}
