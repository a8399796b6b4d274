import { createHash } from 'node:crypto'
import { open, readFile, rename, rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import { codeOf, UserError } from '../errors.js'
import { cannotWrite } from '../files/folders.js'
import { parseJsonObject } from '../json.js'
import type { TrainingState } from '../training/step.js'
import type { CurvePoint } from './teach-events.js'

/** All that it takes to go on with a training: what was measured, the state, and the best weights so far. */
export interface Journal {
  curve: CurvePoint[]
  bestStep: number
  /** Checks of the held-out text since the best one. */
  checksSince: number
  state: TrainingState
  best: Float32Array
  /** Own writing of the model that is read again, a sequence each; absent where texts were given. */
  ownWriting?: { train: number[][]; heldOut: number[][] }
}

const MAGIC = 'molm teaching 1\n'
const SHA256_BYTES = 32
const ARRAYS = ['weights', 'firstMoments', 'secondMoments'] as const

/** Where the journal of a training lies that writes into `out`: beside it, so that a half-taught model is nowhere. */
export function journalPath(out: string): string {
  return `${resolve(out)}.teaching`
}

/** What a journal belongs to, in hex: the options, the texts and the model must be the same. */
export function fingerprint(of: object, texts: readonly string[]): string {
  const hash = createHash('sha256').update(JSON.stringify(of))
  for (const text of texts) hash.update(`\0${text}`)
  return hash.digest('hex')
}

/**
 * Writes a journal, whole or not at all: magic, length of the header, header (JSON), the floats of weights, moments and best
 * weights, and the SHA-256 of all that.
 */
export async function writeJournal(path: string, key: string, journal: Journal): Promise<void> {
  const { state, best, ...rest } = journal
  const arrays = [...ARRAYS.map((name) => state[name]), best].map(bytesOf)
  const header = { key, ...rest, steps: state.steps, floats: best.length }
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(json.length)
  const pieces = [Buffer.from(MAGIC), length, json, ...arrays]
  const hash = createHash('sha256')
  for (const bytes of pieces) hash.update(bytes)
  const partial = `${path}.partial`
  try {
    const file = await open(partial, 'w')
    try {
      for (const bytes of [...pieces, hash.digest()]) await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(partial, path)
  } catch (error) {
    await rm(partial, { force: true })
    throw cannotWrite(path, error)
  }
}

/** Reads a journal. Rejects with a UserError where there is none, where it is damaged, or of another training. */
export async function readJournal(path: string, key: string): Promise<Journal> {
  const bytes = await readFile(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') throw new UserError(`${path}: no such file; there is no training to go on with`)
    throw new UserError(`${path}: cannot be read (${codeOf(error)})`)
  })
  const damaged = new UserError(`${path}: damaged; teach without \`resume\`, from the beginning`)
  const start = MAGIC.length + 4
  const whole = bytes.subarray(0, -SHA256_BYTES)
  if (whole.length < start || whole.toString('latin1', 0, MAGIC.length) !== MAGIC) throw damaged
  if (!createHash('sha256').update(whole).digest().equals(bytes.subarray(-SHA256_BYTES))) throw damaged
  const end = start + whole.readUInt32LE(MAGIC.length)
  const header = parseJsonObject(whole.subarray(start, end), path) as unknown as Header
  const body = whole.subarray(end)
  if (body.length !== header.floats * 4 * (ARRAYS.length + 1)) throw damaged
  if (header.key !== key) {
    throw new UserError(
      `${path}: of another training; give the same model, texts and options as then, or no \`resume\``,
    )
  }
  const floats = new Float32Array(body.buffer.slice(body.byteOffset, body.byteOffset + body.length))
  const [weights, firstMoments, secondMoments, best] = Array.from({ length: ARRAYS.length + 1 }, (_, i) =>
    floats.slice(i * header.floats, (i + 1) * header.floats),
  )
  const { curve, bestStep, checksSince, ownWriting, steps } = header
  return { curve, bestStep, checksSince, ownWriting, best, state: { steps, weights, firstMoments, secondMoments } }
}

export async function removeJournal(path: string): Promise<void> {
  await rm(path, { force: true })
}

type Header = Omit<Journal, 'state' | 'best'> & { key: string; steps: number; floats: number }

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}
