import { test } from 'uvu'
import { MODEL_TYPES, parseConfig } from '#molm/architectures/index.js'
import { rejectsWithUserError } from '../support/rejects.js'

test('no family plans more layers than any model has', async () => {
  for (const model_type of MODEL_TYPES) {
    const json = { model_type, num_hidden_layers: 100_000 }
    await rejectsWithUserError(() => parseConfig(json, 'x'), /^x: \w+ must be an integer from 1 to 4096, not 100000/)
  }
})

test.run()
