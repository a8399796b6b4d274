import { cp, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { convertModel, listModels, loadModel, pullModel, removeModel, verifyModel } from '#molm/index.js'
import { withPackedModel } from '#molm/lab/surgery/packed-model.js'
import { writePruned } from '#molm/lab/surgery/write-pruned.js'
import { storeTokenizer } from '#molm/library/packing/store-tokenizer.js'
import { perMixture } from '#molm/model/config/config.js'
import { openPackedFile } from '#molm/model/packing/format/packed-file.js'
import { readCompiledTokenizer } from '#molm/text/tokenizer/compile-tokenizer.js'
import { COMPILED_TOKENIZER } from '#molm/text/tokenizer/definition/tokenizer-definition.js'
import { fixturePath } from '../support/fixtures.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { IMPATIENT, withHub } from '../support/with-hub.js'
import { firstTokens, published } from '../text/rust-tokenizers.js'

/* A large tokenizer.json is compiled wherever a packed model is written. */

const FIXTURE = '05-linear-silu-safetensors-f32'
/** Large by the length of its file. */
const tokenizer = { ...firstTokens(await published('llama2')), padding: 'x'.repeat(2 ** 20) }
const LARGE = Buffer.from(JSON.stringify(tokenizer))
const NAMES = ['config.json', 'model-q4.molm.safetensors', 'tokenizer.json', COMPILED_TOKENIZER]

/** Writes a checkpoint with a large tokenizer. */
async function checkpointIn(dir: string): Promise<string> {
  const checkpoint = join(dir, 'checkpoint')
  await cp(fixturePath(FIXTURE), checkpoint, { recursive: true })
  await rm(join(checkpoint, 'expected.json'))
  await writeFile(join(checkpoint, 'tokenizer.json'), LARGE)
  // Such a file in a checkpoint is not copied.
  await writeFile(join(checkpoint, COMPILED_TOKENIZER), 'not ours')
  return checkpoint
}

const isCompiled = async (dir: string) => (await readCompiledTokenizer(dir)) !== undefined

test('a converted and a pruned model have a compiled tokenizer, which is no part of the model', async () => {
  await inTemporaryFolder(async (dir) => {
    const [out, pruned] = [join(dir, 'out'), join(dir, 'pruned')]
    const { path } = await convertModel(await checkpointIn(dir), out, { threads: 1 })
    assert.equal((await readdir(out)).sort(), NAMES)
    assert.ok(await isCompiled(out))
    assert.equal(Object.keys((await openPackedFile(path)).metadata.files ?? {}), ['config.json', 'tokenizer.json'])
    await withPackedModel(out, pruned, {}, (packed) => {
      const selection = perMixture(packed.config.mixtures, ({ experts }) => experts.map(() => [0, 1, 2]))
      return writePruned(packed, pruned, { selection, gates: 'kept', account: {} })
    })
    assert.ok(await isCompiled(pruned))

    await writeFile(join(out, COMPILED_TOKENIZER), 'damaged')
    await verifyModel(out)
    const model = await loadModel(out, { threads: 1 })
    assert.is(model.tokenizer.vocabSize, Object.keys(tokenizer.model.vocab).length)
    await model.dispose()
  })
})

test('a pulled model has one, a later pull brings back a lost one, and removing the model removes it', async () => {
  await withHub(async (hub, dir) => {
    const { files } = await hub.serve('org/model', FIXTURE)
    files.set('tokenizer.json', LARGE)
    files.set(COMPILED_TOKENIZER, Buffer.from('not ours'))
    const folder = join(dir, 'molm', 'models', 'org', 'model')
    await pullModel('org/model', { threads: 1, network: IMPATIENT })
    assert.equal((await readdir(folder)).sort(), NAMES)
    assert.ok(await isCompiled(folder))
    await rm(join(folder, COMPILED_TOKENIZER))
    assert.ok((await pullModel('org/model', { threads: 1, network: IMPATIENT })).wasHere)
    assert.ok(await isCompiled(folder))
    await removeModel('org/model')
    assert.not((await listModels()).some(({ name }) => name === 'org/model'))
    assert.equal(await readdir(join(dir, 'molm', 'models')), [])
  })
})

test('a small or unusable tokenizer is not compiled, and an outdated file is removed', async () => {
  await inTemporaryFolder(async (dir) => {
    const stored = async () => (await readdir(dir)).includes(COMPILED_TOKENIZER)
    await writeFile(join(dir, 'tokenizer.json'), LARGE)
    await storeTokenizer(dir)
    assert.ok(await stored())
    for (const text of ['{}', `{"model": 5, "pad": "${'x'.repeat(2 ** 20)}"}`, 'x'.repeat(2 ** 21)]) {
      await writeFile(join(dir, 'tokenizer.json'), text)
      await writeFile(join(dir, COMPILED_TOKENIZER), 'of another tokenizer')
      await storeTokenizer(dir)
      assert.not(await stored(), text.slice(0, 20))
    }
    await storeTokenizer(join(dir, 'no such folder'))
  })
})

test.run()
