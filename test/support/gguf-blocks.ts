import { type BlockType, blockOf } from '#molm/checkpoint/dtype.js'
import { fromHalf, roundToHalf, toHalf } from './halves.js'
import { randomBlocks } from './random-blocks.js'

/* Element types of GGUF files: floats and the two simplest types of blocks are encoded, all others are random blocks. */

export type TypeName = 'F32' | 'F16' | 'BF16' | BlockType

/** ggml's numbers. */
export const TYPE_NUMBERS: Readonly<Record<TypeName, number>> = {
  ...{ F32: 0, F16: 1, BF16: 30, Q4_0: 2, Q4_1: 3, Q5_0: 6, Q5_1: 7, Q8_0: 8 },
  ...{ Q4_K: 12, Q5_K: 13, Q6_K: 14, IQ4_NL: 20, MXFP4: 39 },
}

const FLOATS: readonly TypeName[] = ['F32', 'F16', 'BF16']
const isBlocks = (name: TypeName): name is BlockType => !FLOATS.includes(name)

/** Encodes a whole tensor, in Q4_0 and Q8_0 with a scale that gives the extreme value its level. */
export function encodeTensor(name: TypeName, values: Float32Array): Uint8Array {
  if (name === 'F32') return new Uint8Array(values.slice().buffer)
  if (name === 'F16') return new Uint8Array(Uint16Array.from(values, toHalf).buffer)
  if (name === 'BF16') return new Uint8Array(Uint16Array.from(values, toBfloat16).buffer)
  const { elements, bytes } = blockOf(name)
  const count = values.length / elements
  if (!Number.isInteger(count)) throw new RangeError(`${values.length} values are not whole blocks of ${name}`)
  if (name !== 'Q4_0' && name !== 'Q8_0') return randomBlocks(name, count, 3)
  const out = new Uint8Array(count * bytes)
  const view = new DataView(out.buffer)
  for (let b = 0; b < count; b++) {
    const block = values.subarray(b * elements, (b + 1) * elements)
    const extreme = block.reduce((most, x) => (Math.abs(x) > Math.abs(most) ? x : most), 0)
    const d = roundToHalf(name === 'Q4_0' ? extreme / -8 : Math.abs(extreme) / 127)
    const levels = Array.from(block, (x) => (d === 0 ? 0 : Math.round(x / d)))
    view.setUint16(b * bytes, toHalf(d), true)
    for (let i = 0; i < bytes - 2; i++) {
      out[b * bytes + 2 + i] =
        name === 'Q8_0' ? clamp(levels[i], -128, 127) : nibble(levels[i]) | (nibble(levels[i + 16]) << 4)
    }
  }
  return out
}

/** Decodes a whole tensor of Q4_0 or Q8_0. Byte i of Q4_0 holds elements i and i + 16. */
export function decodeTensor(name: 'Q4_0' | 'Q8_0', data: Uint8Array): Float32Array {
  const { elements, bytes } = blockOf(name)
  return Float32Array.from({ length: (data.length / bytes) * elements }, (_, at) => {
    const [block, i] = [bytes * Math.floor(at / elements), at % elements]
    const d = fromHalf(data[block] | (data[block + 1] << 8))
    if (name === 'Q8_0') return d * ((data[block + 2 + i] << 24) >> 24)
    const both = data[block + 2 + (i & 15)]
    return d * ((i < 16 ? both & 15 : both >> 4) - 8)
  })
}

/** Type for rows of a length, as llama.cpp falls back when they are not whole blocks. */
export function typeForRows(name: TypeName, length: number): TypeName {
  if (!isBlocks(name) || length % blockOf(name).elements === 0) return name
  const smaller = ({ Q4_K: 'Q5_0', Q5_K: 'Q5_1', Q6_K: 'Q8_0' } as const)[name as string]
  return smaller ? typeForRows(smaller, length) : 'F16'
}

const clamp = (value: number, least: number, most: number) => Math.max(least, Math.min(most, value))
const nibble = (level: number) => clamp(level + 8, 0, 15)

/** The upper half of a float32, rounded to even. */
function toBfloat16(value: number): number {
  const [bits] = new Uint32Array(Float32Array.of(value).buffer)
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16
}
