import { readWeightFile } from '#molm/model/checkpoint/shards.js'
import { bytesSource } from '../../support/memory-files.js'
import { pickle } from '../../support/pickle-writer.js'
import { torchZipOf } from '../../support/torch-writer.js'
import type { Chance } from '../chance.js'
import { checkTensors } from '../check-tensors.js'
import { bytesOf, type Files, utf8 } from '../files.js'
import { expect, type Format } from '../format.js'
import { harmBytes } from '../harm-bytes.js'
import { torchState } from '../torch-state.js'

const FILE = 'pytorch_model.bin'
/** Tensor shapes of a sound file. */
const SHAPES = 'shapes.json'

function saved(chance: Chance, wild = 0, edit = (pickled: Uint8Array) => pickled): Files {
  const { root, storages, shapes } = torchState(chance, wild)
  const pickled = edit(pickle(root, chance.pick([2, 4] as const)))
  const wide = chance.oneIn(4)
  const zip = { wide, zip64: wide || chance.oneIn(2), byteorder: chance.pick(['', 'little']) }
  return new Map([
    [FILE, torchZipOf(pickled, storages, zip)],
    [SHAPES, utf8(JSON.stringify(shapes))],
  ])
}

/** Files of torch.save. */
export const torch: Format = {
  name: 'torch',
  inputs: 7000,
  prepare: () => ({
    sound: (chance) => saved(chance),

    harm(files, chance) {
      switch (chance.below(4)) {
        case 0:
          return saved(chance, 12)
        case 1:
          return saved(chance, 0, (pickled) => harmBytes(pickled, chance, 'pickle'))
        default:
          return new Map([[FILE, harmBytes(bytesOf(files, FILE), chance)]])
      }
    },

    async read({ files, isSound }) {
      const tensors = await readWeightFile(bytesSource(bytesOf(files, FILE)), 'torch')
      await checkTensors(tensors)
      if (!isSound) return
      const shapes: Record<string, number[]> = JSON.parse(new TextDecoder().decode(bytesOf(files, SHAPES)))
      const found = Object.fromEntries(tensors.map(({ name, shape }) => [name, shape]))
      expect(JSON.stringify(found) === JSON.stringify(shapes), `the shapes are ${JSON.stringify(found)}`)
    },
  }),
}
