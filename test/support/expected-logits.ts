import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { loadModel } from '#molm/index.js'
import { fixturePath } from './fixtures.js'

/** Checks that a model in f32 gives the logits that the original code computed from a reference checkpoint. */
export async function givesExpectedLogits(model: string, fixture: string): Promise<void> {
  const expected = JSON.parse(await readFile(join(fixturePath(fixture), 'expected.json'), 'utf8'))
  const loaded = await loadModel(model, { quant: 'f32', threads: 1 })
  try {
    const tokens: number[] = expected.prompts.p7
    const wanted = floats((expected.class_logits ?? expected.last_logits).p7)
    const found = expected.class_logits
      ? (await loaded.classify(tokens)).logits
      : (await loaded.createSession().forward(tokens, { logits: 'last' })).logits
    assert.ok(found)
    assert.is(found.length, wanted.length)
    const worst = wanted.reduce((most, value, i) => Math.max(most, Math.abs(value - found[i])), 0)
    assert.ok(worst < 2e-3, `off by ${worst}`)
  } finally {
    await loaded.dispose()
  }
}

function floats(value: { base64: string }): Float32Array {
  const bytes = Buffer.from(value.base64, 'base64')
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
}
