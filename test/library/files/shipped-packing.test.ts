import { cp } from 'node:fs/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Model } from '#molm/index.js'
import { shippedPacking } from '#molm/library/files/shipped-packing.js'
import { resolveModel } from '#molm/library/finding/resolve-model.js'
import { sameBits } from '../../support/compare.js'
import { repositoryPath } from '../../support/fixtures.js'
import { withModel } from '../../support/models.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

test('the packed weights of nano have the bits of packing it now, and are for its own folder and packing only', () =>
  inTemporaryFolder(async (copy) => {
    await cp(repositoryPath('models/nano'), copy, { recursive: true })
    assert.match((await shippedPacking(await resolveModel('nano'))) ?? '', /model-q4\.molm\.safetensors$/)
    assert.is(await shippedPacking(await resolveModel('nano', 'q8')), undefined)
    assert.is(await shippedPacking(await resolveModel(copy)), undefined)
    const logitsOf = (name: string) =>
      withModel(name, { threads: 1 }, async (model: Model) => (await model.createSession().forward([5, 9, 2])).logits)
    sameBits(await logitsOf('nano'), await logitsOf(copy))
  }))

test.run()
