import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { verifyModel } from '#molm/index.js'
import { isMxfp4 } from '#molm/model/packing/format/formats.js'
import type { PackMatrix } from '#molm/model/packing/write/pack.js'
import { blueprintFor } from '../../support/blueprint.js'
import { convertCheckpoint } from '../../support/convert-checkpoint.js'
import { markingPack, referencePack } from '../../support/reference-pack.js'
import { bytesOf, replaced, utf8 } from '../files.js'
import { expect, type Format } from '../format.js'
import { harmBytes } from '../harm-bytes.js'
import { tinyCheckpoints } from '../tiny-checkpoints.js'
import { harmConfig } from './config.js'

const WEIGHTS = 'model.safetensors'

const pack: PackMatrix = (request) => (isMxfp4(request.format) ? markingPack : referencePack)(request)

/** Whole checkpoints, packed into a folder: afterwards the folder is complete or absent. */
export const convert: Format = {
  name: 'convert',
  inputs: 700,
  async prepare(dir) {
    const checkpoints = await tinyCheckpoints(dir)
    const out = join(dir, 'out')
    return {
      onDisk: true,
      mayWrite: () => [out],
      sound: (chance) => replaced(chance.pick(checkpoints).files, 'README.md', utf8('A model.\n')),

      harm(files, chance) {
        if (chance.oneIn(2)) return harmConfig(files, chance)
        return replaced(files, WEIGHTS, harmBytes(bytesOf(files, WEIGHTS), chance, WEIGHTS))
      },

      async read({ dir }) {
        rmSync(out, { recursive: true, force: true })
        try {
          await convertCheckpoint(dir, out, { quant: 'f32', pack, blueprint: blueprintFor })
        } catch (error) {
          expect(!existsSync(out), `it was refused, but ${out} exists`)
          throw error
        }
        const names = readdirSync(out).sort().join()
        expect(names === 'README.md,config.json,model-f32.molm.safetensors', `the folder holds ${names}`)
        await verifyModel(out)
      },
    }
  },
}
