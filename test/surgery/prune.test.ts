import { cp, readdir, readFile, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type MixtureKind, pruneCurve, pruneModel, readText } from '#molm/index.js'
import { MIXTURE_KINDS, perMixture } from '#molm/model/config.js'
import type { GateSoftmax } from '#molm/model/expert-mask.js'
import { dependsOnUnchosen } from '#molm/model/routing.js'
import { openPackedFile } from '#molm/packing/format/packed-file.js'
import { maskOf, type Selection } from '#molm/surgery/selection.js'
import { withPackedModel } from '#molm/surgery/with-packed.js'
import { writePruned } from '#molm/surgery/write-pruned.js'
import { fixturePath } from '../support/fixtures.js'
import { forwardHere } from '../support/forward-here.js'
import { withModel } from '../support/models.js'
import { integers } from '../support/random.js'
import { rejectsWithUserError } from '../support/rejects.js'
import { routesOf } from '../support/routes.js'
import { writeCheckpoint } from '../support/synthetic-checkpoint.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

const TOKENS = [5, 9, 2, 31, 44, 7, 7, 60]
/**
 * Selection that keeps a different number of experts in each layer. The model has 9 attention and 11 MLP experts per
 * layer.
 */
const SELECTION = {
  attention: [
    [1, 3, 8],
    [0, 1, 2, 3, 4, 5, 6, 7, 8],
  ],
  mlp: [
    [0, 2, 4, 6, 8, 10],
    [3, 5, 9],
  ],
} satisfies Selection

async function prune(model: string, out: string, selection: Selection, gates: GateSoftmax): Promise<void> {
  await withPackedModel(model, out, {}, (packed) => writePruned(packed, out, { selection, gates, account: {} }))
}

for (const gate_type of ['mlp', 'linear', 'gmm']) {
  for (const gates of ['kept', 'all'] as const) {
    test(`a pruned model with ${gate_type} routers and gates of ${gates} gives the masked model’s results`, () =>
      inTemporaryFolder(async (dir) => {
        await writeCheckpoint(dir, { gate_type, n_att_experts: 9, n_mlp_experts: 11 })
        const out = join(dir, 'pruned')
        await prune(dir, out, SELECTION, gates)
        const masked = await forwardHere(dir, TOKENS, { masked: (config) => maskOf(SELECTION, config, gates) })
        const { logits, routes } = await forwardHere(out, TOKENS)
        assert.ok(logits.every((value, i) => Math.abs(value - masked.logits[i]) < 1e-4))
        for (const [layer, experts] of routes.entries()) {
          for (const kind of MIXTURE_KINDS) {
            const ids = routesOf(experts, kind).ids.map((id) => SELECTION[kind][layer][id])
            assert.equal(ids, routesOf(masked.routes[layer], kind).ids)
          }
        }
      }))
  }
}

for (const [name, selection] of [
  ['41-qwen3moe-f32', { mlp: [[0, 2, 5, 7], [], [1, 2, 3, 4, 5, 6], [0, 6, 7]] }],
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
  ['81-lfm2moe-f32', { mlp: [[], [0, 2, 5], [1, 2, 3, 4], [0, 1, 2, 3, 4, 5], [3, 5]] }],
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
  for (const gates of ['kept', 'all'] as const) {
    test(`${name} pruned with gates of ${gates} gives the masked model’s results`, () =>
      inTemporaryFolder(async (dir) => {
        const [model, out] = [fixturePath(name), join(dir, 'pruned')]
        await prune(model, out, selection, gates)
        const masked = await forwardHere(model, TOKENS, { masked: (config) => maskOf(selection, config, gates) })
        const pruned = await forwardHere(out, TOKENS)
        assert.ok(pruned.logits.every((value, i) => Math.abs(value - masked.logits[i]) < 1e-4))
        for (const [layer, experts] of pruned.routes.entries()) {
          const kinds = Object.keys(masked.routes[layer]) as MixtureKind[]
          assert.equal(Object.keys(experts), kinds)
          for (const kind of kinds) {
            const kept = (selection as Selection)[kind]?.[layer] ?? []
            const ids = routesOf(experts, kind).ids.map((id) => kept[id])
            assert.equal(ids, routesOf(masked.routes[layer], kind).ids)
          }
        }
      }))
  }
}

test('both softmaxes are the same if gates sum to 1, or are sigmoids', async () => {
  for (const name of [
    '81-lfm2moe-f32',
    '21-granitemoe-f32',
    '51-mixtral-f32',
    '61-jetmoe-f32',
    '71-gptoss-bf16-sharded',
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

test('a pruned gpt-oss keeps the biases of its routers and experts', () =>
  inTemporaryFolder(async (dir) => {
    const [from, out] = [fixturePath('71-gptoss-bf16-sharded'), join(dir, 'pruned')]
    const selection = {
      mlp: [
        [0, 2, 5, 7],
        [1, 3, 4],
        [0, 1, 2, 3, 4, 6, 7],
      ],
    }
    await prune(from, out, selection, 'kept')
    const masked = await forwardHere(from, TOKENS, { masked: (config) => maskOf(selection, config, 'kept') })
    const { logits } = await forwardHere(out, TOKENS)
    assert.ok(logits.every((value, i) => Math.abs(value - masked.logits[i]) < 1e-4))
  }))

test('pruning a model twice gives the same as pruning it once', () =>
  inTemporaryFolder(async (dir) => {
    await writeCheckpoint(dir, { n_att_experts: 9, n_mlp_experts: 11 })
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

test('kept experts keep their bytes, and nothing is left beside the model', () =>
  inTemporaryFolder(async (dir) => {
    const out = join(dir, 'pruned')
    const text = await readText(fixturePath('texts/code.txt'))
    const options = { calibrate: [{ ...text, text: text.text.slice(0, 1500) }], threads: 1 }
    const packed = join(dir, 'packed')
    // Keeping all experts writes the same model.
    await pruneModel('nano', packed, { ...options, keep: 1 })
    const pruned = await pruneModel(packed, out, { ...options, keep: 0.5, only: 'mlp', by: 'frequency' })
    assert.equal((await readdir(dir)).sort(), ['packed', 'pruned'])

    const { selection, bytes, gates, perplexity } = pruned
    const [before, after] = await Promise.all(
      [join(packed, 'model-q4.molm.safetensors'), pruned.path].map(openPackedFile),
    )
    for (const [layer, ids] of (selection.mlp ?? []).entries()) {
      assert.is(ids.length, 12)
      for (const [i, id] of ids.entries()) {
        const kept = after.parts.get(`layers.${layer}.mlp.${i}`)
        assert.is(kept?.sha256, before.parts.get(`layers.${layer}.mlp.${id}`)?.sha256)
      }
    }
    assert.ok(bytes.after < 0.8 * bytes.before)
    assert.ok(perplexity.after > perplexity.before)
    const account = JSON.parse(await readFile(join(out, 'selection.json'), 'utf8'))
    assert.equal(account, {
      model: packed.split('/').at(-1),
      keep: 0.5,
      by: 'frequency',
      only: 'mlp',
      budget: 'layer',
      gates,
      ...selection,
    })
  }))

test('a curve begins with the whole model and predicts the results of pruning', () =>
  inTemporaryFolder(async (dir) => {
    const { name, text } = await readText(fixturePath('texts/code.txt'))
    const options = {
      calibrate: [{ name, text: text.slice(0, 1500) }],
      by: 'gate',
      budget: 'model',
      threads: 1,
    } as const
    const [whole, half] = await pruneCurve('nano', () => [1, 0.5], options)
    const { perplexity, selection } = await pruneModel('nano', join(dir, 'out'), {
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
      72,
    )
    assert.ok(Math.abs(half.perplexity.all / perplexity.after - 1) < 1e-5)
  }))

test('empty or short texts, and the model’s own folder, are refused', () =>
  inTemporaryFolder(async (dir) => {
    const out = join(dir, 'out')
    const short = { name: 'short.txt', text: 'Too short. '.repeat(20) }
    const refuse = (calibrate: { name: string; text: string }[], pattern: RegExp) =>
      rejectsWithUserError(() => pruneModel('nano', out, { calibrate, keep: 0.5, threads: 1 }), pattern)
    await refuse([], /needs a calibration text/)
    await refuse([{ name: 'empty.txt', text: '' }], /empty\.txt: 0 tokens to calibrate on/)
    await refuse([short], /short\.txt: \d+ tokens to calibrate on .* at least 256/)
    await rejectsWithUserError(
      () =>
        pruneModel(fixturePath('01-base-bin-f32'), fixturePath('01-base-bin-f32'), { calibrate: [short], keep: 0.5 }),
      /is the model itself/,
    )
    assert.equal(await readdir(dir), [])
    const link = join(dir, 'link')
    await symlink(fixturePath('01-base-bin-f32'), link, 'junction')
    await rejectsWithUserError(
      () => pruneModel(fixturePath('01-base-bin-f32'), link, { calibrate: [short], keep: 0.5 }),
      /is the model itself/,
    )
  }))

test.run()
