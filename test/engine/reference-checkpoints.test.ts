import { readFileSync } from 'node:fs'
import { copyFile, writeFile } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Model } from '#molm/index.js'
import type { Decoder } from '#molm/nn/decoder.js'
import { isNear } from '../support/compare.js'
import { type Expected, floatsOf, readExpected } from '../support/expected.js'
import { FIXTURES, fixturePath } from '../support/fixtures.js'
import { greedyHere, lastLogits, passHere } from '../support/forward-here.js'
import { TIERS } from '../support/kernel-bench.js'
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

/** Ways to split n tokens into pieces. */
const SPLITS: Record<string, (n: number) => number[]> = {
  'in one piece': (n) => [n],
  'token by token': (n) => new Array<number>(n).fill(1),
  'in uneven pieces': (n) => (n < 8 ? [n] : [n - 7, 1, 5, 1]),
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

function check(model: Decoder, expected: Expected): void {
  for (const [how, sizesOf] of Object.entries(SPLITS)) {
    for (const [name, tokens] of Object.entries(expected.prompts)) {
      const logits = lastLogits(model, tokens, sizesOf(tokens.length))
      isNear(logits, expected.lastLogits[name], LOGITS, `${name} ${how}: logits`)
    }
  }
  const { width, layers, vocabSize } = model.config
  const { logits, routes, hidden } = passHere(model, expected.prompts.p7)
  isNear(logits, expected.allLogits, LOGITS, 'logits of all tokens')
  assert.is(hidden.length, layers)
  for (const [l, x] of hidden.entries()) {
    isNear(x, expected.blockOutputs.subarray(l * width, (l + 1) * width), BLOCKS, `output of block ${l}`)
  }
  for (const [l, { attn, mlp }] of expected.routing.entries()) {
    for (const [kind, wanted] of [['attention', attn] as const, ['mlp', mlp] as const]) {
      const found = routesOf(routes[l], kind)
      assert.equal([...found.ids], wanted.ids.flat(), `${kind} experts of layer ${l}`)
      isNear(found.gates, wanted.gates.flat(), GATES, `${kind} gates of layer ${l}`)
    }
  }
  const { p48 } = expected.prompts
  const found = meanCrossEntropy(passHere(model, p48).logits, p48, vocabSize)
  isNear([found], [expected.meanCrossEntropy], CROSS_ENTROPY, 'cross-entropy')
  const { p7 } = expected.prompts
  assert.equal(greedyHere(model, p7, expected.greedy.length), expected.greedy)
}

async function checkGreedy(model: Model, { prompts, greedy }: Expected): Promise<void> {
  const options = { maxTokens: greedy.length, temperature: 0, ignoreEos: true, stop: [] }
  const tokens: number[] = []
  for await (const { token } of model.createSession().generate(prompts.p7, options)) tokens.push(token)
  assert.equal(tokens, greedy)
}

const CLASSIFIER = '13-classifier-safetensors-f32'

const test = suite('checkpoints of ModuleFormer')

for (const [i, name] of FIXTURES.filter((name) => name !== CLASSIFIER).entries()) {
  const tier = TIERS[i % TIERS.length]
  test(`${name}: logits in any pieces, block outputs, routes, greedy text and cross-entropy, ${tier} kernels`, () =>
    withLoaded(fixturePath(name), { quant: 'f32', tier }, ({ model }) => {
      check(model, readExpected(fixturePath(`${name}/expected.json`)))
    }))
}

test('sessions give the same logits and greedy text', () =>
  withModel(fixturePath('02-base-safetensors-f32'), { quant: 'f32', threads: 2 }, async (model) => {
    const expected = readExpected(fixturePath('02-base-safetensors-f32/expected.json'))
    await checkSession(model, expected)
    await checkGreedy(model, expected)
  }))

test.run()

const classifier = suite(CLASSIFIER)
const scores = JSON.parse(readFileSync(fixturePath(`${CLASSIFIER}/expected.json`), 'utf8'))

classifier('scores of every prompt', () =>
  withModel(fixturePath(CLASSIFIER), { quant: 'f32', threads: 1 }, async (model) => {
    const { id2label } = JSON.parse(readFileSync(fixturePath(`${CLASSIFIER}/config.json`), 'utf8'))
    for (const [name, tokens] of Object.entries<number[]>(scores.prompts)) {
      const stored = scores.class_logits[name]
      const { labels, logits } = await model.classify(tokens)
      assert.equal(labels, Object.values(id2label))
      isNear(logits, Array.isArray(stored) ? stored : floatsOf(stored), LOGITS, name)
    }
  }),
)

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
