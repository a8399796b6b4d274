import { UserError } from '#molm/ground/errors.js'
import { convertModel, loadModel, verifyModel } from '#molm/index.js'
import type { Chance } from '../chance.js'
import { bytesOf, type Files, replaced, take, utf8 } from '../files.js'
import { expect, type Format } from '../format.js'
import { harmBytes } from '../harm-bytes.js'
import { harmJson } from '../harm-json.js'
import { tinyCheckpoints } from '../tiny-checkpoints.js'
import { harmConfig } from './config.js'

const QUANTS = ['f32', 'q8', 'q4'] as const
const CONFIG = 'config.json'
const TOKENS = [1, 2, 3, 5, 8, 13, 21]

/** Packed models: loaded, run and then verified. */
export const packed: Format = {
  name: 'packed',
  inputs: 150,
  async prepare(dir) {
    const checkpoints = oneOfEachType(await tinyCheckpoints(dir))
    const models: { files: Files; logits: string }[] = []
    for (const [i, checkpoint] of checkpoints.entries()) {
      // The first model in each format, the others in a single one.
      for (const quant of i === 0 ? QUANTS : [QUANTS[i % QUANTS.length]]) {
        const out = `${checkpoint.dir}-${quant}`
        await convertModel(checkpoint.dir, out, { quant, threads: 1 })
        models.push({ files: take(out), logits: await logitsOf(out) })
      }
    }
    return {
      onDisk: true,
      sound: (chance) => chance.pick(models).files,
      harm: harmPacked,

      async read({ files, dir }) {
        const logits = await logitsOf(dir)
        const isVerified = await verifyModel(dir).then(() => true, asFalse)
        const name = nameOf(files)
        const isSameIn = (other: Files, file: string) =>
          other.has(file) && Buffer.compare(bytesOf(files, file), bytesOf(other, file)) === 0
        const sound = models.find((model) => model.files.has(name) && isSameIn(model.files, CONFIG))
        if (!isVerified || !sound) return
        expect(logits === sound.logits, 'it computes other numbers, but its checksums match')
        const header = (of: Files) => Buffer.from(bytesOf(of, name)).subarray(0, sizeOfHeader(bytesOf(of, name)))
        if (header(files).equals(header(sound.files)))
          expect(isSameIn(sound.files, name), 'its checksums match other bytes')
      },
    }
  },
}

/** The last checkpoint of each model type, since it has more unusual keys than the first. */
function oneOfEachType<C extends { files: Files }>(checkpoints: C[]): C[] {
  const typeOf = ({ files }: C): string => JSON.parse(new TextDecoder().decode(bytesOf(files, CONFIG))).model_type
  return [...new Map(checkpoints.map((checkpoint) => [typeOf(checkpoint), checkpoint])).values()]
}

/** Damages the bytes, the header or the config. */
function harmPacked(files: Files, chance: Chance): Files {
  const name = nameOf(files)
  const bytes = bytesOf(files, name)
  const end = sizeOfHeader(bytes)
  const rebuilt = (header: Uint8Array, data: Uint8Array) => {
    const length = new Uint8Array(new BigUint64Array([BigInt(header.length)]).buffer)
    return replaced(files, name, Buffer.concat([length, header, data]))
  }
  switch (chance.below(5)) {
    case 0:
      return harmConfig(files, chance)
    case 1:
      return replaced(files, name, harmBytes(bytes, chance, name))
    case 2: {
      const data = harmBytes(bytes.subarray(end), chance, 'data')
      return rebuilt(bytes.subarray(8, end), data)
    }
    case 3: {
      const json = JSON.parse(new TextDecoder().decode(bytes.subarray(8, end)))
      return rebuilt(harmJson(json, chance, 'header'), bytes.subarray(end))
    }
    default:
      return rebuilt(exchanged(bytes.subarray(8, end), chance), bytes.subarray(end))
  }
}

/** Exchanges the positions of two parts in the file. */
function exchanged(header: Uint8Array, chance: Chance): Uint8Array {
  const json = JSON.parse(new TextDecoder().decode(header))
  const names = Object.keys(json).filter((name) => name !== '__metadata__')
  const [a, b] = [chance.pick(names), chance.pick(names)]
  chance.note(`header: ${a} and ${b} are exchanged`)
  ;[json[a], json[b]] = [json[b], json[a]]
  return utf8(JSON.stringify(json))
}

async function logitsOf(dir: string): Promise<string> {
  const model = await loadModel(dir, { threads: 1 })
  try {
    const { logits } = await model.createSession().forward(TOKENS, { logits: 'all' })
    const expected = TOKENS.length * model.config.vocabSize
    expect(logits.length === expected, `it gives ${logits.length} logits in place of ${expected}`)
    return Buffer.from(logits.buffer, logits.byteOffset, logits.byteLength).toString('base64')
  } finally {
    await model.dispose()
  }
}

function nameOf(files: Files): string {
  return [...files.keys()].find((name) => name.endsWith('.molm.safetensors')) ?? ''
}

function sizeOfHeader(bytes: Uint8Array): number {
  return 8 + Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true))
}

function asFalse(error: unknown): false {
  if (error instanceof UserError) return false
  throw error
}
