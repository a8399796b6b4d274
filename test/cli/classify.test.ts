import { readFile } from 'node:fs/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loadModel } from '#molm/index.js'
import { classProbabilities } from '#molm/lab/evaluation/probabilities.js'
import { fixturePath } from '../support/fixtures.js'

const CLASSIFIER = fixturePath('13-classifier-safetensors-f32')

test('a classifier’s scores equal the scores of the reference implementation', async () => {
  const expected = JSON.parse(await readFile(`${CLASSIFIER}/expected.json`, 'utf8'))
  const model = await loadModel(CLASSIFIER, { quant: 'f32' })
  try {
    for (const [name, tokens] of Object.entries<number[]>(expected.prompts)) {
      const { labels, logits } = await model.classify(tokens)
      assert.equal(labels, ['negative', 'neutral', 'positive'])
      const bytes = Buffer.from(expected.class_logits[name].base64, 'base64')
      for (const [i, logit] of logits.entries()) {
        assert.ok(Math.abs(logit - bytes.readFloatLE(4 * i)) < 1e-4, `${name} ${labels[i]}`)
      }
    }
  } finally {
    await model.dispose()
  }
})

test('probabilities are a softmax, or a sigmoid each if labels do not exclude each other', () => {
  const logits = [0, Math.log(3)]
  const rounded = (values: number[]) => values.map((p) => Number(p.toFixed(6)))
  assert.equal(rounded(classProbabilities(logits, { raw: {} })), [0.25, 0.75])
  const multiple = { raw: { problem_type: 'multi_label_classification' } }
  assert.equal(rounded(classProbabilities(logits, multiple)), [0.5, 0.75])
  assert.equal(rounded(classProbabilities([Math.log(3)], { raw: {} })), [0.75])
})

test.run()
