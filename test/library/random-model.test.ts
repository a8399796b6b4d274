import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { writeRandomModel } from '#molm/lab/index.js'
import { shippedFolder } from '#molm/library/folders/model-folders.js'
import { paddedTokenizer } from '#molm/library/random-model.js'
import { loadChatTemplate } from '#molm/text/chat-template.js'
import { loadTokenizer } from '#molm/text/tokenizer.js'
import { rejectsWithUserError } from '../support/rejects.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

const test = suite('the tokenizer of a model with random weights')

test('is nano’s, with a text for every id of the larger vocabulary', () =>
  inTemporaryFolder(async (dir) => {
    for (const [name, text] of Object.entries(await paddedTokenizer(49155))) await writeFile(join(dir, name), text)
    const [padded, nano] = await Promise.all([dir, shippedFolder('nano')].map((folder) => loadTokenizer(folder)))
    assert.is(padded?.vocabSize, 49155)
    const text = 'Is this a lantern? <5000> <|endoftext|>'
    const ids = padded?.encode(text)
    assert.equal(ids, nano?.encode(text))
    assert.is(padded?.decode([...(ids ?? []), 4096, 49154]), `${nano?.decode(ids ?? [])}<4096><49154>`)
    assert.ok(await loadChatTemplate(dir))
  }))

test('does not overwrite another model’s', () =>
  inTemporaryFolder(async (dir) => {
    await writeFile(join(dir, 'tokenizer.json'), '{}')
    const path = join(dir, 'model-q4.molm.safetensors')
    await rejectsWithUserError(
      () => writeRandomModel('350m-4b', 'q4', path),
      /tokenizer\.json exists already: write into/,
    )
  }))

test.run()
