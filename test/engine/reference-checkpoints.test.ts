import { readFileSync } from 'node:fs'
import { copyFile, writeFile } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Model } from '#molm/index.js'
import type { Decoder } from '#molm/nn/decoder.js'
import { isNear } from '../support/compare.js'
import { type Expected, floatsOf, readExpected } from '../support/expected.js'
import { FIXTURES, fixturePath } from '../support/fixtures.js'
import { lastLogits } from '../support/forward-here.js'
import { withLoaded } from '../support/loaded-model.js'
import { meanCrossEntropy } from '../support/log-softmax.js'
import { withModel } from '../support/models.js'
import { rejectsWithUserError, thrownBy } from '../support/rejects.js'
import { routesOf } from '../support/routes.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { BLOCKS, CROSS_ENTROPY, GATES, LOGITS } from '../support/tolerances.js'

/*
 * IBM's own code wrote the expected values. Its float32 results differ from these by some 1e-5; the smallest mistakes
 * in the mathematics (another epsilon, the other GELU) make differences from 8e-5 on.
 */

const VARIANTS = [
  { threads: 1, tier: 'relaxed' },
  { threads: 2, tier: 'plain' },
  { threads: 3, tier: 'relaxed' },
  { threads: 3, tier: 'plain' },
] as const

/** Ways to split n tokens into pieces. */
const SPLITS: Record<string, (n: number) => number[]> = {
  'in one piece': (n) => [n],
  'token by token': (n) => new Array<number>(n).fill(1),
  'in uneven pieces': (n) => {
    const sizes: number[] = []
    for (let left = n, next = 1; left > 0; next = (next * 5) % 11) {
      sizes.push(Math.min(next, left))
      left -= Math.min(next, left)
    }
    return sizes
  },
}

function checkLogits(model: Decoder, { prompts, lastLogits: wanted }: Expected): void {
  for (const [how, sizesOf] of Object.entries(SPLITS)) {
    for (const [name, tokens] of Object.entries(prompts)) {
      const logits = lastLogits(model, tokens, sizesOf(tokens.length))
      isNear(logits, wanted[name], LOGITS, `${name} ${how}: logits`)
    }
  }
}

/** The same by way of a session. */
async function checkSession(model: Model, { prompts, lastLogits: wanted }: Expected): Promise<void> {
  for (const [name, tokens] of Object.entries(prompts)) {
    const session = model.createSession()
    const half = tokens.length >> 1
    if (half > 0) await session.forward(tokens.slice(0, half))
    const { logits } = await session.forward(tokens.slice(half))
    assert.is(session.length, tokens.length)
    isNear(logits, wanted[name], LOGITS, `${name} in two pieces: logits`)
    session.dispose()
  }
}

/** Block outputs, logits of every token, and routing of prompt p7. */
async function checkInsides(model: Model, expected: Expected): Promise<void> {
  const session = model.createSession()
  const {
    logits,
    hidden = [],
    routes = [],
  } = await session.forward(expected.prompts.p7, {
    logits: 'all',
    hidden: true,
    routes: true,
  })
  isNear(logits, expected.allLogits, LOGITS, 'logits of all tokens')
  const { width, layers } = model.config
  assert.is(hidden.length, layers)
  for (const [l, x] of hidden.entries()) {
    isNear(x, expected.blockOutputs.subarray(l * width, (l + 1) * width), BLOCKS, `output of block ${l}`)
  }
  for (const [l, { attn, mlp }] of expected.routing.entries()) {
    assert.equal([...routesOf(routes[l], 'attention').ids], attn.ids.flat(), `attention experts of layer ${l}`)
    assert.equal([...routesOf(routes[l], 'mlp').ids], mlp.ids.flat(), `MLP experts of layer ${l}`)
    isNear(routesOf(routes[l], 'attention').gates, attn.gates.flat(), GATES, `attention gates of layer ${l}`)
    isNear(routesOf(routes[l], 'mlp').gates, mlp.gates.flat(), GATES, `MLP gates of layer ${l}`)
  }
}

async function checkGreedy(model: Model, { prompts, greedy }: Expected): Promise<void> {
  const options = { maxTokens: greedy.length, temperature: 0, ignoreEos: true, stop: [] }
  const tokens: number[] = []
  for await (const { token } of model.createSession().generate(prompts.p7, options)) tokens.push(token)
  assert.equal(tokens, greedy)
}

async function checkCrossEntropy(model: Model, { prompts, meanCrossEntropy: expected }: Expected): Promise<void> {
  const { logits } = await model.createSession().forward(prompts.p48, { logits: 'all' })
  const found = meanCrossEntropy(logits, prompts.p48, model.config.vocabSize)
  assert.ok(Math.abs(found - expected) <= CROSS_ENTROPY, `cross-entropy ${found}, not ${expected}`)
}

const CLASSIFIER = '13-classifier-safetensors-f32'

for (const name of FIXTURES.filter((name) => name !== CLASSIFIER)) {
  const test = suite(name)
  const expected = readExpected(fixturePath(`${name}/expected.json`))

  for (const { threads, tier } of VARIANTS) {
    test(`logits of every prompt, however it is split: ${threads} threads, ${tier} kernels`, () =>
      withLoaded(fixturePath(name), { quant: 'f32', threads, tier }, ({ model }) => checkLogits(model, expected)))
  }

  test('block outputs, routing, greedy text and cross-entropy', () =>
    withModel(fixturePath(name), { quant: 'f32', threads: 2 }, async (model) => {
      await checkSession(model, expected)
      await checkInsides(model, expected)
      await checkGreedy(model, expected)
      await checkCrossEntropy(model, expected)
    }))

  test.run()
}

for (const name of ['01-base-bin-f32', '11-molm-like-bin-bf16-sharded']) {
  const test = suite(`${name}, its tokenizer`)
  test('encodes every text to the expected ids and decodes them to the text', () =>
    withModel(fixturePath(name), { threads: 1 }, ({ tokenizer }) => {
      const { cases } = JSON.parse(readFileSync(fixturePath(`${name}/tokenizer_expected.json`), 'utf8'))
      assert.ok(cases.length > 0)
      for (const { text, ids } of cases) {
        assert.equal(tokenizer.encode(text), ids)
        assert.is(tokenizer.decode(ids), text)
      }
    }))
  test.run()
}

const classifier = suite(CLASSIFIER)
const scores = JSON.parse(readFileSync(fixturePath(`${CLASSIFIER}/expected.json`), 'utf8'))

for (const { threads, tier } of VARIANTS) {
  classifier(`scores of every prompt: ${threads} threads, ${tier} kernels`, () =>
    withModel(fixturePath(CLASSIFIER), { quant: 'f32', threads, kernels: tier }, async (model) => {
      const { id2label } = JSON.parse(readFileSync(fixturePath(`${CLASSIFIER}/config.json`), 'utf8'))
      for (const [name, tokens] of Object.entries<number[]>(scores.prompts)) {
        const stored = scores.class_logits[name]
        const { labels, logits } = await model.classify(tokens)
        assert.equal(labels, Object.values(id2label))
        isNear(logits, Array.isArray(stored) ? stored : floatsOf(stored), LOGITS, name)
      }
    }),
  )
}

classifier('the token that is scored is the one whose number is that of the ids that are no padding', () =>
  inTemporaryFolder(async (dir) => {
    const source = fixturePath(CLASSIFIER)
    for (const name of ['model.safetensors', 'tokenizer.json', 'tokenizer_config.json']) {
      await copyFile(`${source}/${name}`, `${dir}/${name}`)
    }
    const config = JSON.parse(readFileSync(`${source}/config.json`, 'utf8'))
    const prompts = Object.entries<number[]>(scores.prompts)
    const used = new Set(prompts.flatMap(([, tokens]) => tokens))
    const pad = Array.from({ length: config.vocab_size }, (_, id) => id).find((id) => !used.has(id)) ?? -1
    await writeFile(`${dir}/config.json`, JSON.stringify({ ...config, pad_token_id: pad }))
    await withModel(source, { quant: 'f32', threads: 1 }, (unpadded) =>
      withModel(dir, { quant: 'f32', threads: 1 }, async (padded) => {
        for (const [name, tokens] of prompts) {
          const stored = scores.class_logits[name]
          const { logits } = await padded.classify([...tokens, pad, pad])
          isNear(logits, Array.isArray(stored) ? stored : floatsOf(stored), LOGITS, name)
        }
        const scoresOf = async (model: Model, tokens: number[]) => [...(await model.classify(tokens)).logits]
        for (const [tokens, scored] of [
          [
            [5, 9, 2, 4],
            [5, 9, 2, 4],
          ],
          // IBM's code counts padding tokens, wherever they are.
          [
            [pad, pad, 5, 9, 2, 4],
            [pad, pad, 5, 9],
          ],
          [
            [5, pad, 9, 2],
            [5, pad, 9],
          ],
          [
            [pad, pad, pad],
            [pad, pad, pad],
          ],
        ]) {
          assert.equal(await scoresOf(padded, tokens), await scoresOf(unpadded, scored), `${tokens}`)
        }
        assert.not.equal(await scoresOf(unpadded, [5, 9, 2, pad]), await scoresOf(unpadded, [5, 9, 2]))
        await rejectsWithUserError(() => padded.classify([1.5]), /not a whole number/)
        await rejectsWithUserError(() => padded.classify([7, 320]), /outside the model's vocabulary of 320/)
      }),
    )
  }),
)

classifier('a language model does not classify, and says so', () =>
  withModel(fixturePath('05-linear-silu-safetensors-f32'), { threads: 1 }, async (model) => {
    const thrown = await thrownBy(model.classify([1]))
    assert.match(String(thrown), /language model, not a sequence classifier/)
  }),
)

classifier.run()
