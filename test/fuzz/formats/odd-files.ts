import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { UserError } from '#molm/ground/errors.js'
import { describeModel, verifyModel } from '#molm/index.js'
import { loadChatTemplate } from '#molm/text/chat-template.js'
import { blueprintFor } from '../../support/blueprint.js'
import { convertCheckpoint } from '../../support/convert-checkpoint.js'
import { referencePack } from '../../support/reference-pack.js'
import { oddEntry } from '../bombs.js'
import { type Files, replaced, take, utf8 } from '../files.js'
import type { Format } from '../format.js'
import { tinyCheckpoint } from '../tiny-checkpoints.js'
import { tokenizerFiles } from '../tokenizer-files.js'

/** Pipes, devices, folders, links and sparse files in the place of a model's files. */
export const oddFiles: Format = {
  name: 'odd-files',
  inputs: 600,
  async prepare(dir) {
    const checkpoint = await tinyCheckpoint(dir)
    const [packed, out] = [join(dir, 'packed'), join(dir, 'out')]
    await convertCheckpoint(checkpoint.dir, packed, { quant: 'f32', pack: referencePack, blueprint: blueprintFor })
    const models = [checkpoint.files, take(packed)].map((files) => new Map([...files, ...tokenizerFiles(), ...NOTES]))
    return {
      onDisk: true,
      mayWrite: () => [out],
      sound: (chance) => chance.pick(models),

      harm(files, chance) {
        let odd: Files = files
        for (let left = chance.between(1, 2); left > 0; left--) {
          const name = chance.pick([...files.keys(), ...OTHERS])
          odd = replaced(odd, name, oddEntry(chance, name))
        }
        return odd
      },

      async read({ dir, files }) {
        const isPacked = [...files.keys()].some((name) => name.endsWith('.molm.safetensors'))
        rmSync(out, { recursive: true, force: true })
        const pack = () => convertCheckpoint(dir, out, { quant: 'f32', pack: referencePack, blueprint: blueprintFor })
        await everyOne(
          () => describeModel(dir),
          async () => (await loadChatTemplate(dir))?.prepare(),
          isPacked ? () => verifyModel(dir) : pack,
        )
      },
    }
  },
}

const NOTES: [string, Uint8Array][] = [
  ['README.md', utf8('A model.\n')],
  ['generation_config.json', utf8('{"max_new_tokens":5}')],
]
const OTHERS = [
  ...['chat_template.jinja', 'special_tokens_map.json', 'added_tokens.json', 'model.safetensors.index.json', 'LICENSE'],
]

/** Runs all actions, even if some are refused, and then throws the first refusal. */
async function everyOne(...actions: (() => Promise<unknown>)[]): Promise<void> {
  const refusals: UserError[] = []
  for (const action of actions) {
    await action().catch((error: unknown) => {
      if (!(error instanceof UserError)) throw error
      refusals.push(error)
    })
  }
  if (refusals.length > 0) throw refusals[0]
}
