import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { MixtureKind } from '#molm/index.js'
import { pruneCurve, pruneModel, readText } from '#molm/lab/index.js'
import type { Selection } from '#molm/lab/surgery/selection.js'
import { maskOf } from '#molm/lab/surgery/selection.js'
import { perMixture } from '#molm/model/config/config.js'
import type { GateSoftmax } from '#molm/model/config/expert-mask.js'
import { dependsOnUnchosen } from '#molm/model/config/routing.js'
import { fixturePath } from '../../support/fixtures.js'
import { forwardHere } from '../../support/forward-here.js'
import { withModel } from '../../support/models.js'
import { integers } from '../../support/random.js'
import { writeCheckpoint } from '../../support/synthetic-checkpoint.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'
import {
  assertPrunedAsMasked,
  assertRouterPruned,
  NINE_AND_ELEVEN,
  prune,
  SELECTION,
  TOKENS,
} from './pruned-as-masked.js'

for (const router of ['linear', 'gmm']) {
  test(`a pruned model with ${router} routers and gates of all gives the masked model’s results`, () =>
    assertRouterPruned(router, 'all'))
}

for (const [name, selection] of [
  [
    '141-emo-f32',
    {
      mlp: [
        [1, 3, 4, 6, 8],
        [0, 1, 2, 8],
        [0, 1, 2, 3, 4, 5, 6, 7, 8],
      ],
    },
  ],
  ['142-emo-pruned-bf16-sharded', { mlp: [[0, 3, 6], [], [1, 2, 5, 7, 8, 9]] }],
  [
    '171-gemma4-f32',
    {
      mlp: [
        [0, 3, 5],
        [1, 2, 3, 4],
        [0, 2],
        [0, 4, 5],
      ],
    },
  ],
  ['206-zaya-f32', { mlp: [[0, 3, 7], [1, 2, 3, 4, 5, 6, 7], [2], [0, 4, 5]] }],
  ['41-qwen3moe-f32', { mlp: [[0, 2, 5, 7], [], [1, 2, 3, 4, 5, 6], [0, 6, 7]] }],
  ['101-ernie45moe-f32', { mlp: [[], [0, 2, 5, 7], [1, 2, 3, 4, 5, 6], [0, 6, 7]] }],
  [
    '61-jetmoe-f32',
    {
      attention: [
        [0, 3],
        [1, 2, 3],
        [0, 1],
      ],
      mlp: [
        [1, 2],
        [0, 1, 2, 3],
        [0, 3],
      ],
    },
  ],
] satisfies [string, Selection][]) {
  test(`${name} pruned gives the masked model’s results`, () =>
    assertPrunedAsMasked(fixturePath(name), selection, 'all'))
}

test('both softmaxes are the same if gates sum to 1, or are sigmoids', async () => {
  for (const name of [
    '81-lfm2moe-f32',
    '91-granitehybrid-f32',
    '21-granitemoe-f32',
    '51-mixtral-f32',
    '61-jetmoe-f32',
    '71-gptoss-bf16-sharded',
    '181-afmoe-f32',
    '226-laguna-f32',
    '236-nemotronh-f32',
  ]) {
    await withModel(fixturePath(name), { threads: 1 }, async (model) => {
      assert.not(model.config.mixtures.some(dependsOnUnchosen))
      const selection = perMixture(model.config.mixtures, ({ experts }) =>
        experts.map((count) => [...Array(count).keys()].slice(1)),
      )
      const logitsWith = async (gates: GateSoftmax) => {
        await model.maskExperts(maskOf(selection, model.config, gates))
        return (await model.createSession().forward(TOKENS, { logits: 'all' })).logits
      }
      const [kept, all] = [await logitsWith('kept'), await logitsWith('all')]
      assert.ok(kept.every((value, i) => Math.abs(value - all[i]) < 1e-4))
    })
  }
})

test('one softmax is measured for both if gates sum to 1', () =>
  inTemporaryFolder(async (dir) => {
    // A tokenizer for it, with letters as tokens.
    const random = integers(2000, 5, 13)
    const text = random.reduce((text, letter) => text + 'bcfgjkmpqvxyz'[letter], '')
    await cp(fixturePath('61-jetmoe-f32'), dir, { recursive: true })
    await cp(fixturePath('01-base-bin-f32/tokenizer.json'), join(dir, 'tokenizer.json'))
    const options = { calibrate: [{ name: 'letters.txt', text }], threads: 1 }
    const [{ perplexity }] = await pruneCurve(dir, () => [0.75], options)
    assert.is(perplexity.all, perplexity.kept)
    const { gates } = await pruneModel(dir, join(dir, 'out'), { ...options, keep: 0.75 })
    assert.is(gates, 'kept')
  }))

test('pruning a model twice gives the same as pruning it once', () =>
  inTemporaryFolder(async (dir) => {
    await writeCheckpoint(dir, NINE_AND_ELEVEN)
    const [once, first, second] = ['once', 'first', 'second'].map((name) => join(dir, name))
    const rest = {
      attention: [
        [0, 1],
        [0, 4, 8],
      ],
      mlp: [
        [1, 2, 5],
        [0, 1, 2],
      ],
    }
    const both = (kind: MixtureKind) => rest[kind].map((ids, layer) => ids.map((id) => SELECTION[kind][layer][id]))
    await prune(dir, first, SELECTION, 'all')
    await prune(first, second, rest, 'all')
    await prune(dir, once, { attention: both('attention'), mlp: both('mlp') }, 'all')
    const logits = async (name: string) => (await forwardHere(name, TOKENS)).logits
    const [a, b] = [await logits(once), await logits(second)]
    assert.ok(a.every((value, i) => Math.abs(value - b[i]) < 1e-4))
  }))

/** A model of 3 layers, with 4 attention and 8 MLP experts in each. */
const TINY = fixturePath('01-base-bin-f32')

test('a curve begins with the whole model and predicts the results of pruning', () =>
  inTemporaryFolder(async (dir) => {
    const { name, text } = await readText(fixturePath('texts/code.txt'))
    const options = {
      calibrate: [{ name, text: text.slice(0, 1500) }],
      by: 'gate',
      budget: 'model',
      threads: 1,
    } as const
    const [whole, half] = await pruneCurve(TINY, () => [1, 0.5], options)
    const { perplexity, selection } = await pruneModel(TINY, join(dir, 'out'), {
      ...options,
      keep: 0.5,
      gates: 'all',
    })
    assert.is(whole.perplexity.kept, perplexity.before)
    assert.equal(
      half.mlp,
      selection.mlp?.map(({ length }) => length),
    )
    assert.is(
      half.mlp?.reduce((sum, count) => sum + count, 0),
      12,
    )
    assert.ok(Math.abs(half.perplexity.all / perplexity.after - 1) < 1e-5)
  }))

test.run()
