// Packs nano's weights, so that no start has to (src/library/files/weights.ts). npm run build calls it.
//   node scripts/pack-nano.mjs
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { convertModel } from '../dist/index.js'

const TARGET = 'dist/models/nano'
const WEIGHTS = 'model-q4.molm.safetensors'

await mkdir(TARGET, { recursive: true })
const folder = await mkdtemp('dist/models/packing-')
try {
  await convertModel('models/nano', folder, { quant: 'q4' })
  await rename(join(folder, WEIGHTS), join(TARGET, WEIGHTS))
} finally {
  await rm(folder, { recursive: true })
}
