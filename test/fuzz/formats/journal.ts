import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { localFolder, openCheckpoint } from '#molm/model/checkpoint/checkpoint.js'
import { layoutOf, parseConfig } from '#molm/model/families/index.js'
import { formatsFor } from '#molm/model/packing/format/formats.js'
import { findLeftovers, packResumably, type ResumablePacking } from '#molm/model/packing/write/resumable-packing.js'
import { referencePack } from '../../support/reference-pack.js'
import { bytesOf, type Files, replaced, take, utf8 } from '../files.js'
import { expect, type Format } from '../format.js'
import { harmBytes } from '../harm-bytes.js'
import { harmJson } from '../harm-json.js'
import { tinyCheckpoint } from '../tiny-checkpoints.js'

const FILE = 'model-f32.molm.safetensors'
const [PARTIAL, JOURNAL] = [`${FILE}.partial`, `${FILE}.journal`]

/**
 * Remains of an interrupted pull, a journal and a partial file: whatever they hold, the resumed pull ends with the same
 * complete file.
 */
export const journal: Format = {
  name: 'journal',
  inputs: 300,
  async prepare(dir) {
    const checkpoint = await openCheckpoint(localFolder((await tinyCheckpoint(dir)).dir))
    const formats = formatsFor('f32')
    const layout = layoutOf(parseConfig(checkpoint.config, 'config.json'), formats)
    const metadata = { quant: 'f32' as const, formats, source: 'org/model', sourceRevision: 'a'.repeat(40), files: {} }
    const packing = (folder: string): ResumablePacking => ({
      path: join(folder, FILE),
      layout,
      metadata,
    })

    const whole = join(dir, 'whole')
    mkdirSync(whole)
    await packResumably(checkpoint, packing(whole), { pack: referencePack, done: [] })
    const cut: Files[] = []
    for (let parts = 1; parts < layout.parts.length; parts += 3) {
      const folder = join(dir, `cut-${parts}`)
      mkdirSync(folder)
      const aborter = new AbortController()
      let left = parts
      const onPartDone = () => void (--left === 0 && aborter.abort(new Error('cut')))
      const options = { pack: referencePack, done: [], signal: aborter.signal, onPartDone }
      await packResumably(checkpoint, packing(folder), options).catch(() => undefined)
      cut.push(take(folder))
    }
    const expected = bytesOf(take(whole), FILE)

    return {
      onDisk: true,
      mayWrite: (dir) => [dir],
      sound: (chance) => chance.pick(cut),

      harm(files, chance) {
        if (chance.oneIn(3)) return replaced(files, PARTIAL, harmBytes(bytesOf(files, PARTIAL), chance, PARTIAL))
        if (chance.oneIn(3)) return replaced(files, JOURNAL, harmBytes(bytesOf(files, JOURNAL), chance, JOURNAL))
        const lines = new TextDecoder().decode(bytesOf(files, JOURNAL)).split('\n')
        const at = chance.below(lines.length - 1)
        lines[at] = new TextDecoder().decode(harmJson(JSON.parse(lines[at]), chance, `line ${at + 1}`))
        if (chance.oneIn(4)) lines.splice(chance.below(lines.length), 0, lines[chance.below(lines.length)])
        return replaced(files, JOURNAL, utf8(lines.join('\n')))
      },

      async read({ dir }) {
        const { entries } = await findLeftovers(packing(dir))
        await packResumably(checkpoint, packing(dir), { pack: referencePack, done: entries })
        const made = bytesOf(take(dir), FILE)
        expect(
          Buffer.compare(made, expected) === 0,
          `${entries.length} parts were taken over, but the file is different`,
        )
      },

      close: () => checkpoint.close(),
    }
  },
}
