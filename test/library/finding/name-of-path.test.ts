import { cp, mkdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { convertModel } from '#molm/index.js'
import { resolveModel } from '#molm/library/finding/resolve-model.js'
import { nameOfPath } from '#molm/library/folders/model-folders.js'
import { fixturePath } from '../../support/fixtures.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

test('a model in a file is called by its folder if the file’s own name fits any model', () => {
  for (const file of [
    'model.gguf',
    'model-q4.molm.safetensors',
    'Q4_K_M.gguf',
    'model-IQ4_NL-00001-of-00003.gguf',
    'ggml-model-f16.gguf',
    'model.safetensors',
  ]) {
    assert.is(nameOfPath(`/m/granite/${file}`), 'granite', file)
  }
  for (const file of ['granite-Q4_K_M.gguf', 'granite.molm', 'qwen3.gguf', 'big', 'q4']) {
    assert.is(nameOfPath(`/m/other/${file}`), file)
  }
  assert.is(nameOfPath('/model.gguf'), 'model.gguf', 'the root has no name')
})

test('a folder whose packed model has another name leads to its file', async () => {
  await inTemporaryFolder(async (dir) => {
    await cp(fixturePath('21-granitemoe-f32'), join(dir, 'checkpoint'), { recursive: true })
    const { path } = await convertModel(join(dir, 'checkpoint'), join(dir, 'granite'), { quant: 'q8' })
    assert.is((await resolveModel(path)).name, 'granite')
    await mkdir(join(dir, 'models'))
    const other = join(dir, 'models', 'small.molm')
    await rename(path, other)
    await cp(join(dir, 'checkpoint', 'config.json'), join(dir, 'models', 'config.json'))
    assert.is((await resolveModel(other)).name, 'small.molm')
    await rejectsWithUserError(
      () => resolveModel(join(dir, 'models')),
      new RegExp(`models: to load the packed model in this folder, name it: ${other}$`),
    )
  })
})

test.run()
