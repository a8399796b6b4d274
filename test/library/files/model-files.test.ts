import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { resolveModel } from '#molm/library/finding/resolve-model.js'
import { repositoryPath } from '../../support/fixtures.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

test('a file beside the weights is read when it is asked for, and once', () =>
  inTemporaryFolder(async (dir) => {
    await cp(repositoryPath('models/nano'), dir, { recursive: true })
    const write = (name: string, text: string) => writeFile(join(dir, name), text)
    const files = await resolveModel(dir)
    await write('generation_config.json', '{ "temperature": 0.25 }')
    assert.equal(await files.generationDefaults(), { temperature: 0.25 })
    await write('generation_config.json', '{')
    await write('tokenizer.json', '{')
    assert.equal(await files.generationDefaults(), { temperature: 0.25 }, 'read before it was damaged')
    assert.ok((await files.outline()).hasChatTemplate, 'an outline needs no tokenizer')
    await rejectsWithUserError(() => files.info(), /tokenizer\.json/)
    const other = files.with({ generation: { topK: 3 }, expertsPerToken: 1 })
    assert.ok(other.config.mixtures[0].used?.every((used) => used === 1))
    await rejectsWithUserError(() => other.generationDefaults(), /generation_config\.json/)
  }))

test.run()
