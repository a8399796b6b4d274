import { createHash } from 'node:crypto'
import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import { convertModel } from '#molm/index.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { assertRefused, molm, NANO } from './molm.js'

/** A heap that is too small for the claims of these folders: allocating them would end the process with V8's message. */
const SMALL = { NODE_OPTIONS: '--max-old-space-size=128' }
const NUMBERS = { n_layer: 4000, n_att_experts: 4, n_mlp_experts: 8 }

const inCopyOfNano = (use: (dir: string) => Promise<void>) =>
  inTemporaryFolder(async (dir) => {
    const copy = join(dir, 'copy')
    for (const file of ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json']) {
      await cp(join(NANO, file), join(copy, file))
    }
    await use(copy)
  })

const sha256 = (text: string | Uint8Array) => createHash('sha256').update(text).digest('hex')

async function refuses(dir: string, pattern: RegExp): Promise<void> {
  assertRefused(await molm(['-m', dir, '--threads', '1', 'hi'], { env: SMALL }), 1, pattern)
}

test('a config.json with absurd numbers is refused at once, with a checkpoint and with packed weights', async () => {
  await inCopyOfNano(async (dir) => {
    const packed = join(dir, 'packed')
    const { path } = await convertModel(dir, packed, { threads: 1 })
    for (const folder of [dir, packed]) {
      const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'))
      const change = async (keys: object) => {
        const before = await readFile(join(folder, 'config.json'))
        const after = JSON.stringify({ ...config, ...keys })
        await writeFile(join(folder, 'config.json'), after)
        // An attacker can make the checksum fit.
        const bytes = await readFile(path)
        const at = bytes.indexOf(sha256(before))
        if (folder === packed) await writeFile(path, bytes.fill(sha256(after), at, at + 64))
      }
      await change(NUMBERS)
      await refuses(folder, folder === dir ? /tensor .* is missing|has shape/ : /was not packed from the config\.json/)
      if (folder === packed) continue
      await change({ n_layer: 100_000 })
      await refuses(folder, /config\.json: n_layer must be an integer from 1 to 4096/)
      await change({ n_layer: 4000, n_att_experts: 32 })
      await refuses(folder, /config\.json: asks for \d+ \w+ experts in all layers/)
      await change({ architectures: ['ModuleFormerForSequenceClassification'], num_labels: 2 ** 24, id2label: null })
      await refuses(folder, /config\.json: num_labels must be/)
    }
  })
})

test.run()
