import { readFile } from 'node:fs/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { mixtureOf, routerRows } from '#molm/model/config/config.js'
import { parseConfig as parseAny } from '#molm/model/families/index.js'
import type { ModuleFormerConfig } from '#molm/model/families/moduleformer/moduleformer.js'
import { fixturePath } from '../../support/fixtures.js'
import { rejectsWithUserError } from '../../support/rejects.js'

const WHERE = 'some/config.json'
const small = {
  ...{ model_type: 'moduleformer', n_layer: 2, n_embd: 64, n_head: 4, att_hidden: 32 },
  ...{ n_att_experts: 4, n_mlp_experts: 8 },
}

function parseConfig(json: unknown, where: string): ModuleFormerConfig {
  return parseAny(json, where) as ModuleFormerConfig
}

async function fixtureConfig(name: string): Promise<ModuleFormerConfig> {
  return parseConfig(JSON.parse(await readFile(fixturePath(`${name}/config.json`), 'utf8')), WHERE)
}

test('an empty config.json is the default ModuleFormer', () => {
  const config = parseConfig({ model_type: 'moduleformer' }, WHERE)
  const { raw, ...shape } = config
  assert.equal(shape, {
    modelType: 'moduleformer',
    architecture: 'causal-lm',
    vocabSize: 50295,
    width: 1024,
    layers: 24,
    heads: 8,
    attentionHidden: 512,
    ffnHidden: 2048,
    activation: 'gelu_new',
    gateType: 'mlp',
    gatingSize: 256,
    mixtures: [
      { kind: 'attention', experts: new Array(24).fill(32), topK: 2 },
      { kind: 'mlp', experts: new Array(24).fill(32), topK: 2 },
    ],
    tieWordEmbeddings: false,
    bosToken: 50256,
    eosToken: 50256,
    trainedContext: 1024,
    sharedKeyValue: false,
  })
  assert.is(raw.n_embd, 1024)
})

test('the shape of a checkpoint is read from its config.json', async () => {
  const config = await fixtureConfig('05-linear-silu-safetensors-f32')
  assert.is(config.gateType, 'linear')
  assert.is(config.activation, 'silu')
  assert.equal(mixtureOf(config, 'attention')?.experts, [5, 5])
  assert.equal(mixtureOf(config, 'mlp')?.experts, [10, 10])
  assert.is(mixtureOf(config, 'mlp')?.topK, 3)
  assert.is(config.trainedContext, 32)
  assert.is(config.raw.layer_norm_epsilon, 0.001)
})

test('one head as wide as the model means shared keys and values', async () => {
  assert.is((await fixtureConfig('11-molm-like-bin-bf16-sharded')).sharedKeyValue, true)
  assert.is((await fixtureConfig('02-base-safetensors-f32')).sharedKeyValue, false)
  assert.is(parseConfig({ ...small, n_head: 1 }, WHERE).sharedKeyValue, false)
})

test('labels of a classifier are in the order of their ids', async () => {
  const config = await fixtureConfig('13-classifier-safetensors-f32')
  assert.is(config.architecture, 'classifier')
  assert.equal(config.labels, ['negative', 'neutral', 'positive'])
})

test('a classifier without id2label has numbered labels, two by default', () => {
  const classifier = { ...small, architectures: ['ModuleFormerForSequenceClassification'] }
  assert.equal(parseConfig(classifier, WHERE).labels, ['LABEL_0', 'LABEL_1'])
  assert.is(parseConfig({ ...classifier, num_labels: 2 ** 16 }, WHERE).labels?.length, 2 ** 16)
  assert.equal(parseConfig({ ...classifier, num_labels: 3 }, WHERE).labels, ['LABEL_0', 'LABEL_1', 'LABEL_2'])
})

test('generic names of sizes are read, but the specific ones win', () => {
  const config = { model_type: 'moduleformer', hidden_size: 96, num_hidden_layers: 3, num_attention_heads: 2 }
  const { width, layers, heads } = parseConfig(config, WHERE)
  assert.equal([width, layers, heads], [96, 3, 2])
  assert.is(parseConfig({ ...config, n_embd: 32 }, WHERE).width, 32)
})

test('layers may keep different numbers of experts', () => {
  const molm_experts = { attention: [4, 2], mlp: [3, 8] }
  const { mixtures } = parseConfig({ ...small, molm_experts }, WHERE)
  for (const { kind, experts } of mixtures) assert.equal(experts, molm_experts[kind])
})

test('a token may be null, for none', () => {
  const config = parseConfig({ ...small, bos_token_id: null, eos_token_id: 7 }, WHERE)
  assert.is(config.bosToken, null)
  assert.is(config.eosToken, 7)
})

test('another kind of model is named in the error', async () => {
  await rejectsWithUserError(
    () => parseConfig({ model_type: 'llama' }, WHERE),
    /^some\/config\.json: .*"llama".*moduleformer/,
  )
  await rejectsWithUserError(() => parseConfig({}, WHERE), /no model_type/)
  await rejectsWithUserError(() => parseConfig([], WHERE), /object/)
})

test('a config.json that names only a ModuleFormer class is read', () => {
  assert.is(parseConfig({ architectures: ['ModuleFormerForCausalLM'] }, WHERE).layers, 24)
})

test('what makes no sense is refused by name', async () => {
  const architectures = ['ModuleFormerForSequenceClassification']
  const wrong: [Record<string, unknown>, RegExp][] = [
    [{ architectures, num_labels: 2 ** 24 }, /num_labels must be an integer from 1 to 65536/],
    [{ architectures, id2label: { 0: 'a', 2: 'c' } }, /id2label/],
    ...[[4], [4, 0], [4, 2.5], '4', undefined].map((attention): [Record<string, unknown>, RegExp] => {
      return [{ molm_experts: { attention, mlp: [8, 8] } }, /molm_experts\.attention/]
    }),
    [{ k_att: 5 }, /k_att 5 is more than the 4 experts/],
    [{ k_mlp: 3, molm_experts: { attention: [4, 4], mlp: [8, 2] } }, /k_mlp 3 is more than the 2 experts/],
    [{ att_hidden: 30 }, /att_hidden 30 is not divisible by n_head 4/],
    [{ activation_function: 'mish' }, /activation_function.*gelu_new.*"mish"/],
    [{ gate_type: 'top' }, /gate_type.*gmm.*"top"/],
    [{ n_embd: 0 }, /n_embd/],
    [{ n_layer: -1 }, /n_layer/],
    [{ n_layer: 1e12 }, /n_layer/],
    [{ vocab_size: 3.5 }, /vocab_size/],
    [{ ffd_hidden: '128' }, /ffd_hidden.*"128"/],
    [{ tie_word_embeddings: 'no' }, /tie_word_embeddings/],
    [{ eos_token_id: [1, 2] }, /eos_token_id/],
    [{ n_layer: 100000 }, /n_layer must be an integer from 1 to 4096, not 100000/],
    [{ n_att_experts: 2 ** 24 }, /asks for 33554432 attention experts in all layers, at most 65536/],
    [{ n_layer: 4096, n_mlp_experts: 17 }, /asks for 69632 mlp experts/],
    [{ molm_experts: { attention: [4, 2 ** 24], mlp: [8, 8] } }, /asks for \d+ attention experts/],
  ]
  for (const [keys, pattern] of wrong) {
    await rejectsWithUserError(() => parseConfig({ ...small, ...keys }, WHERE), pattern)
  }
})

test('class names that are not strings are ignored', () => {
  const architectures = [{ toString: 1 }, null, ['ModuleFormerForSequenceClassification'], 5]
  assert.is(parseConfig({ ...small, architectures }, WHERE).architecture, 'causal-lm')
})

test('control characters of a hostile config.json do not reach the terminal', async () => {
  await rejectsWithUserError(() => parseConfig({ model_type: '\u001b[2J\u009b' }, WHERE), /^\P{Cc}*$/u)
})

test('silent rows and the bias of pruned and grafted models are read, and refused if they make no sense', () => {
  const base = { model_type: 'moduleformer', n_layer: 2 }
  const experts = { attention: [3, 4], mlp: [8, 5] }
  const plain = parseConfig({ ...base, molm_experts: experts }, 'config.json')
  assert.ok(plain.mixtures.every(({ silentRows }) => silentRows === undefined))
  assert.is(plain.gateBias, undefined)
  const silent = { attention: [1, 0], mlp: [0, 3] }
  const config = parseConfig({ ...base, molm_experts: { ...experts, silent, gate_bias: true } }, 'config.json')
  for (const { kind, silentRows } of config.mixtures) assert.equal(silentRows, silent[kind])
  assert.is(config.gateBias, true)
  const [attention, mlp] = config.mixtures
  assert.is(routerRows(attention, 0), 4)
  assert.is(routerRows(mlp, 1), 8)
  for (const wrong of [
    { attention: [1], mlp: [0, 3] },
    { attention: [1, -1], mlp: [0, 3] },
    { attention: [1, 0] },
    3,
  ]) {
    const read = () => parseConfig({ ...base, molm_experts: { ...experts, silent: wrong } }, 'config.json')
    assert.throws(read, /config\.json: molm_experts\.silent\.(attention|mlp) must be a list of 2 numbers/)
  }
})

test.run()
