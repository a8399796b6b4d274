import { ELEMENT_TYPES, bytesOf as elementBytes } from '#molm/model/checkpoint/dtype.js'
import { readSafetensors } from '#molm/model/checkpoint/safetensors.js'
import { bytesSource } from '../../support/memory-files.js'
import { safetensors } from '../../support/safetensors-writer.js'
import { jsonBomb } from '../bombs.js'
import type { Chance } from '../chance.js'
import { checkTensors } from '../check-tensors.js'
import { bytesOf } from '../files.js'
import { expect, type Format } from '../format.js'
import { harmBytes } from '../harm-bytes.js'
import { harmJson } from '../harm-json.js'

const FILE = 'model.safetensors'

/** safetensors files: a header followed by bytes. */
export const safetensorsFormat: Format = {
  name: 'safetensors',
  inputs: 6000,
  prepare: () => ({
    sound(chance) {
      const { header, data } = weights(chance)
      return new Map([[FILE, safetensors(header, data)]])
    },

    harm(files, chance) {
      if (chance.oneIn(500)) return new Map([[FILE, safetensors(text(jsonBomb(chance, 'header')))]])
      if (chance.oneIn(3)) return new Map([[FILE, harmBytes(bytesOf(files, FILE), chance)]])
      const { header, data } = weights(chance)
      return new Map([[FILE, safetensors(text(harmJson(header, chance, 'header')), data)]])
    },

    async read({ files }) {
      const bytes = bytesOf(files, FILE)
      const { tensors } = await readSafetensors(bytesSource(bytes))
      const { json, end } = headerOf(bytes)
      const names = Object.keys(json).filter((name) => name !== '__metadata__')
      expect(tensors.length === names.length, `${tensors.length} of ${names.length} tensors are there`)
      for (const { name, dtype, shape, offset } of tensors) {
        const entry = json[name] as { dtype: string; shape: number[]; data_offsets: number[] }
        expect(entry.dtype === dtype && String(entry.shape) === String(shape), `${name} became ${dtype} [${shape}]`)
        expect(offset === end + entry.data_offsets[0], `${name} begins at ${offset}`)
      }
      await checkTensors(tensors)
    },
  }),
}

function headerOf(bytes: Uint8Array): { json: Record<string, unknown>; end: number } {
  const end = 8 + Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true))
  return { json: JSON.parse(text(bytes.subarray(8, end))), end }
}

/** A few random tensors. */
function weights(chance: Chance): { header: Record<string, unknown>; data: Uint8Array } {
  const header: Record<string, unknown> = chance.oneIn(3) ? { __metadata__: { format: 'pt' } } : {}
  let at = 0
  for (let i = chance.below(5); i >= 0; i--) {
    const dtype = chance.pick(ELEMENT_TYPES)
    const shape = Array.from({ length: chance.below(4) }, () => chance.below(5))
    const bytes = elementBytes(
      dtype,
      shape.reduce((a, b) => a * b, 1),
    )
    header[`layers.${i}.weight`] = { dtype, shape, data_offsets: [at, at + bytes] }
    at += bytes
  }
  return { header, data: chance.bytes(at) }
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}
