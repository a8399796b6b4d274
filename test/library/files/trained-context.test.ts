import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { resolveModel } from '#molm/library/finding/resolve-model.js'
import { fixturePath } from '../../support/fixtures.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

const FIXTURE = fixturePath('02-base-safetensors-f32')
/** A model whose config.json has its positions. */
const POSITIONED = fixturePath('21-granitemoe-f32')

/** Resolves a checkpoint beside a tokenizer_config.json with this text. */
function contextBeside(text: string, fixture = FIXTURE): Promise<number> {
  return inTemporaryFolder(async (dir) => {
    await cp(fixture, dir, { recursive: true })
    await writeFile(join(dir, 'tokenizer_config.json'), text)
    return (await resolveModel(dir)).config.trainedContext
  })
}

test('the tokenizer has the length of the texts in training, if config.json has room for more and no positions', async () => {
  const { trainedContext } = (await resolveModel(FIXTURE)).config
  assert.is(await contextBeside(`{ "model_max_length": ${trainedContext - 1} }`), trainedContext - 1)
  assert.is(await contextBeside(`{ "model_max_length": ${trainedContext + 1} }`), trainedContext)
  const { maxPositions = 0 } = (await resolveModel(POSITIONED)).config
  assert.is(await contextBeside(`{ "model_max_length": ${maxPositions - 1} }`, POSITIONED), maxPositions)
})

test('a file without a length changes nothing, nor does an unreadable one', async () => {
  const { trainedContext } = (await resolveModel(FIXTURE)).config
  const nothing = [
    '{}',
    '{ "model_max_length": 1e30 }',
    '{ "model_max_length": "512" }',
    '{ "model_max_length": 0 }',
    '{',
  ]
  for (const text of nothing) assert.is(await contextBeside(text), trainedContext, text)
})

test.run()
