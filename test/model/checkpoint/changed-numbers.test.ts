import { test } from 'uvu'
import { changedNumbers } from '#molm/model/checkpoint/changed-numbers.js'
import { rejectsWithUserError } from '../../support/rejects.js'

test('only a vector of floats is changed; others are refused by name', async () => {
  const source = { name: 'x.safetensors', size: 8, read: async () => new Uint8Array(8), close: async () => {} }
  const tensor = { name: 'A_log', dtype: 'I32', shape: [2], strides: [1], source, offset: 0 } as const
  await rejectsWithUserError(
    () => changedNumbers({ ...tensor, shape: [2], strides: [1] }, Math.exp),
    /^x\.safetensors: A_log must be a vector of floats, not I32 of shape \[2\]$/,
  )
})

test.run()
