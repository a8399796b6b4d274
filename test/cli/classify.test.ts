import { readFile } from 'node:fs/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loadModel } from '#molm/index.js'
import { classProbabilities } from '#molm/lab/evaluation/probabilities.js'
import { fixturePath } from '../support/fixtures.js'
import { assertRefused, molm } from './molm.js'

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

test('classify prints all labels of a text, most likely first, and the most likely label of each line', async () => {
  const [one, lines, json] = await Promise.all([
    molm(['classify', '-m', CLASSIFIER, 'What', 'a', 'day']),
    molm(['classify', '-m', CLASSIFIER], { stdin: 'What a day\r\n\nAnother line\n' }),
    molm(['classify', '-m', CLASSIFIER, '--json'], { stdin: 'What a day\nAnother line' }),
  ])
  assert.is(one.code, 0, one.stderr)
  const rows = Array.from(one.stdout.matchAll(/(\w+) +([\d.]+)/g), ([, label, probability]) => [label, probability])
  assert.equal(rows.map(([label]) => label).sort(), ['negative', 'neutral', 'positive'])
  const [first, second, third] = rows.map(([, probability]) => Number(probability))
  assert.ok(first >= second && second >= third)
  assert.ok(Math.abs(first + second + third - 1) < 3e-4)

  const { model, texts } = JSON.parse(json.stdout)
  assert.is(model, '13-classifier-safetensors-f32')
  assert.equal(
    texts.map(({ text }: { text: string }) => text),
    ['What a day', 'Another line'],
  )
  assert.equal(Object.keys(texts[0]), ['text', 'label', 'scores'])
  assert.is(texts[0].label, rows[0][0])
  const [line, , rest] = lines.stdout.split('\n')
  assert.equal(line.split('\t'), [rows[0][0], rows[0][1], 'What a day'])
  assert.is(rest, '')
})

test('classify refuses language models and empty input', async () => {
  const [nano, empty, blank] = await Promise.all([
    molm(['classify', 'some text']),
    molm(['classify', '-m', CLASSIFIER], { stdin: '\n \n' }),
    molm(['classify', '-m', CLASSIFIER, '  ']),
  ])
  assertRefused(nano, 1, /nano is a language model, not a classifier/)
  assertRefused(empty, 2, /no text to classify/)
  assertRefused(blank, 2, /no text to classify/)
})

test.run()
