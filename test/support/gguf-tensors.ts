import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { bytesOf, type DType } from '#molm/checkpoint/dtype.js'
import { contiguousStrides, elementCount, type Tensor } from '#molm/checkpoint/tensor.js'
import { fixturePath } from './fixtures.js'
import { bytesSource } from './memory-files.js'

/** Folders of GGUF files in test/fixtures/gguf. */
export const GGUF_FIXTURES = ['granitemoe-all-types', 'qwen3moe-q4_k_m', 'olmoe-q4_0-split', 'gptoss-mxfp4']

/** A tensor of a fixture, and the SHA-256 of its values as float32 in the file's order. */
export interface GgufFixtureTensor {
  tensor: Tensor
  sha256: string
}

/** All tensors of a fixture, read by a plain reader of GGUF that is independent of the library. */
export function ggufFixtureTensors(folder: string): GgufFixtureTensor[] {
  const path = (name: string) => fixturePath(`gguf/${folder}/${name}`)
  const listed: { name: string; sha256_of_f32_in_file_order: string }[] = JSON.parse(
    readFileSync(path('tensors.json'), 'utf8'),
  )
  const files = readdirSync(path('')).filter((name) => name.endsWith('.gguf'))
  const tensors = new Map(files.flatMap((name) => tensorsOf(readFileSync(path(name)))).map((t) => [t.name, t]))
  return listed.map(({ name, sha256_of_f32_in_file_order: sha256 }) => {
    const tensor = tensors.get(name)
    if (!tensor) throw new Error(`${folder} has no tensor ${name}`)
    return { tensor, sha256 }
  })
}

export function sha256Of(floats: Float32Array): string {
  return createHash('sha256')
    .update(new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength))
    .digest('hex')
}

/** Types by their numbers in a GGUF file. */
const TYPES: Record<number, DType> = {
  ...{ 0: 'F32', 1: 'F16', 2: 'Q4_0', 3: 'Q4_1', 6: 'Q5_0', 7: 'Q5_1', 8: 'Q8_0', 12: 'Q4_K', 13: 'Q5_K', 14: 'Q6_K' },
  ...{ 20: 'IQ4_NL', 30: 'BF16', 39: 'MXFP4' },
}

/** Bytes of a metadata value, by the number of its type. Types 8 and 9 are texts and arrays. */
const VALUE_BYTES = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8]

function tensorsOf(bytes: Uint8Array): Tensor[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 8
  const skipping = (length: number) => {
    at += length
    return at - length
  }
  const u32 = () => view.getUint32(skipping(4), true)
  const u64 = () => Number(view.getBigUint64(skipping(8), true))
  const text = () => {
    const length = u64()
    const from = skipping(length)
    return new TextDecoder().decode(bytes.subarray(from, at))
  }
  const skip = (type: number): void => {
    if (type === 8) text()
    else if (type === 9) {
      const [of, count] = [u32(), u64()]
      for (let i = 0; i < count; i++) skip(of)
    } else skipping(VALUE_BYTES[type])
  }
  const [tensors, values] = [u64(), u64()]
  let alignment = 32
  for (let i = 0; i < values; i++) {
    const [key, type] = [text(), u32()]
    if (key === 'general.alignment') alignment = view.getUint32(at, true)
    skip(type)
  }
  const entries = Array.from({ length: tensors }, () => {
    const name = text()
    const shape = Array.from({ length: u32() }, u64).reverse()
    return { name, shape, dtype: TYPES[u32()], offset: u64() }
  })
  const start = Math.ceil(at / alignment) * alignment
  return entries.map(({ name, shape, dtype, offset }) => {
    const from = start + offset
    const source = bytesSource(bytes.subarray(from, from + bytesOf(dtype, elementCount(shape))))
    return { name, dtype, shape, strides: contiguousStrides(shape), source, offset: 0 }
  })
}
