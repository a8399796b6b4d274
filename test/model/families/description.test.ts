import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { localFolder } from '#molm/ground/files/local-folder.js'
import { pullModel } from '#molm/index.js'
import { convertModel } from '#molm/library/convert-model.js'
import { openCheckpoint } from '#molm/model/checkpoint/checkpoint.js'
import { keysOf, readDescription } from '#molm/model/families/description.js'
import { architectureNamed, FAMILY_FILE, MODEL_TYPES } from '#molm/model/families/index.js'
import { sameBits } from '../../support/compare.js'
import { fixtureConfig, fixturePath, repositoryPath } from '../../support/fixtures.js'
import { forwardHere } from '../../support/forward-here.js'
import { readFloats } from '../../support/read-floats.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { type WrittenTensor, writeTensors } from '../../support/synthetic-checkpoint.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'
import { QUICK, REPO, withHub } from '../../support/with-hub.js'

const test = suite('families by description')
const IDS = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9]
const QWEN = '41-qwen3moe-f32'

const logitsOf = async (folder: string) => (await forwardHere(folder, IDS)).logits

const LAYER = 'transformer.h.{layer}'
const OURS = 'model.layers.{layer}'

/** Qwen3's mixture as another maker might write it: other names, keys within objects, and tensors that hold several. */
const ACME = {
  model_type: 'acme_moe',
  like: 'qwen3_moe',
  keys: {
    n_embd: 'hidden_size',
    n_layer: 'num_hidden_layers',
    'attn_config.n_head': 'num_attention_heads',
    'attn_config.kv_heads': 'num_key_value_heads',
    'moe.n_experts': 'num_experts',
    'moe.top_k': 'num_experts_per_tok',
    attention_bias: null,
  },
  defaults: { norm_topk_prob: true },
  tensors: {
    'transformer.wte.weight': 'model.embed_tokens.weight',
    'transformer.ln_f.weight': 'model.norm.weight',
    [`${LAYER}.moe.wi`]: [
      `${OURS}.mlp.experts.{expert}.gate_proj.weight`,
      `${OURS}.mlp.experts.{expert}.up_proj.weight`,
    ],
    [`${LAYER}.moe.wo`]: `${OURS}.mlp.experts.{expert}.down_proj.weight`,
    [`${LAYER}.attn.qkv.weight`]: {
      [`${OURS}.self_attn.q_proj.weight`]: 'num_attention_heads',
      [`${OURS}.self_attn.k_proj.weight`]: 'num_key_value_heads',
      [`${OURS}.self_attn.v_proj.weight`]: 'num_key_value_heads',
    },
    [`${LAYER}.attn.{rest}`]: `${OURS}.self_attn.{rest}`,
    [`${LAYER}.{rest}`]: `${OURS}.{rest}`,
  },
}

/** Writes Qwen's fixture with Acme's names, without a description. */
async function writeAcme(dir: string): Promise<void> {
  const { model_type: _, architectures: __, ...own } = fixtureConfig(QWEN)
  const { hidden_size, num_hidden_layers, num_attention_heads, num_key_value_heads, num_experts, ...others } = own
  const { num_experts_per_tok, norm_topk_prob: ___, ...rest } = others
  const config = {
    ...{ ...rest, model_type: 'acme_moe', attention_bias: 'no', n_embd: hidden_size, n_layer: num_hidden_layers },
    attn_config: { n_head: num_attention_heads, kv_heads: num_key_value_heads },
    moe: { n_experts: num_experts, top_k: num_experts_per_tok },
  }
  const { tensors, close } = await openCheckpoint(localFolder(fixturePath(QWEN)))
  const written = new Map<string, WrittenTensor>()
  const take = async (name: string) => {
    const tensor = tensors.get(name)
    tensors.delete(name)
    assert.ok(tensor, name)
    return { shape: tensor.shape, values: await readFloats(tensor) }
  }
  const joined = async (names: string[]) => {
    const parts = []
    for (const name of names) parts.push(await take(name))
    const values = Float32Array.from(parts.flatMap(({ values }) => Array.from(values)))
    return { values, rows: parts.reduce((sum, { shape }) => sum + shape[0], 0), cols: parts[0].shape[1] }
  }
  for (let l = 0; l < Number(num_hidden_layers); l++) {
    const [key, other] = [`model.layers.${l}`, `transformer.h.${l}`]
    const qkv = await joined(['q', 'k', 'v'].map((name) => `${key}.self_attn.${name}_proj.weight`))
    written.set(`${other}.attn.qkv.weight`, { shape: [qkv.rows, qkv.cols], values: qkv.values })
    if (!tensors.has(`${key}.mlp.gate.weight`)) continue
    const E = Number(num_experts)
    const each = (names: string[]) =>
      joined(Array.from({ length: E }, (_, e) => names.map((name) => `${key}.mlp.experts.${e}.${name}.weight`)).flat())
    const [wi, wo] = [await each(['gate_proj', 'up_proj']), await each(['down_proj'])]
    written.set(`${other}.moe.wi`, { shape: [E, wi.rows / E, wi.cols], values: wi.values })
    written.set(`${other}.moe.wo`, { shape: [E, wo.rows / E, wo.cols], values: wo.values })
  }
  for (const name of [...tensors.keys()]) {
    const other = name
      .replace('model.layers.', 'transformer.h.')
      .replace('.self_attn.', '.attn.')
      .replace('model.embed_tokens', 'transformer.wte')
      .replace('model.norm', 'transformer.ln_f')
    written.set(other, await take(name))
  }
  await close()
  await writeTensors(dir, config, written)
}

test('a renamed Qwen3 mixture gives the same bits, and its packed copy runs without the description', () =>
  inTemporaryFolder(async (dir) => {
    const [folder, packed, usual] = ['acme', 'packed', 'usual'].map((name) => join(dir, name))
    await mkdir(folder)
    await writeAcme(folder)
    await rejectsWithUserError(() => logitsOf(folder), /has model_type "acme_moe".*docs\/FAMILIES\.md$/)
    await writeFile(join(folder, FAMILY_FILE), JSON.stringify(ACME))
    sameBits(await logitsOf(folder), await logitsOf(fixturePath(QWEN)), 'logits')

    await convertModel(folder, packed, { quant: 'q8', threads: 1 })
    await convertModel(fixturePath(QWEN), usual, { quant: 'q8', threads: 1 })
    await rm(folder, { recursive: true })
    assert.not.ok((await readdir(packed)).includes(FAMILY_FILE))
    sameBits(await logitsOf(packed), await logitsOf(usual), 'packed')
  }))

test('a description in MOLM_HOME is found by its model_type', () =>
  inTemporaryFolder(async (dir) => {
    const [folder, home] = [join(dir, 'acme'), join(dir, 'home')]
    await mkdir(folder)
    await mkdir(join(home, 'families'), { recursive: true })
    await writeAcme(folder)
    const before = process.env.MOLM_HOME
    process.env.MOLM_HOME = home
    try {
      await writeFile(join(home, 'families', 'other.json'), JSON.stringify({ ...ACME, model_type: 'other_moe' }))
      await rejectsWithUserError(() => logitsOf(folder), /has model_type "acme_moe"/)
      await writeFile(join(home, 'families', 'acme.json'), JSON.stringify(ACME))
      sameBits(await logitsOf(folder), await logitsOf(fixturePath(QWEN)), 'logits')
      await convertModel(folder, join(dir, 'packed'), { quant: 'q8', threads: 1 })
      await cp(join(home, 'families', 'acme.json'), join(home, 'families', 'again.json'))
      await rejectsWithUserError(
        () => logitsOf(folder),
        /acme\.json and again\.json both describe model_type "acme_moe"/,
      )
      await rm(home, { recursive: true })
      assert.ok((await logitsOf(join(dir, 'packed'))).every(Number.isFinite))
    } finally {
      if (before === undefined) delete process.env.MOLM_HOME
      else process.env.MOLM_HOME = before
    }
  }))

test('a repository with a description is pulled, and its packed model runs without it', async () => {
  for (const keep of [false, true]) {
    await withHub(async (hub) => {
      const { files } = await hub.serve(REPO, QWEN)
      const { hidden_size, ...config } = fixtureConfig(QWEN)
      const renamed = { ...config, model_type: 'acme_moe', text: { width: hidden_size } }
      const description = { model_type: 'acme_moe', like: 'qwen3_moe', keys: { 'text.width': 'hidden_size' } }
      files.set('config.json', Buffer.from(JSON.stringify(renamed)))
      files.set(FAMILY_FILE, Buffer.from(JSON.stringify(description)))
      const { path } = await pullModel(REPO, { ...QUICK, keep })
      assert.not.ok((await readdir(join(path, '..'))).includes(FAMILY_FILE))
      sameBits(await logitsOf(path), await logitsOf(fixturePath(QWEN)), `keep: ${keep}`)
    })
  }
})

test('the text part of a described model has the keys of its family', () =>
  inTemporaryFolder(async (dir) => {
    await writeAcme(dir)
    const path = join(dir, 'config.json')
    const text_config = JSON.parse(await readFile(path, 'utf8'))
    await writeFile(path, JSON.stringify({ model_type: 'acme_vl', text_config }))
    await writeFile(join(dir, FAMILY_FILE), JSON.stringify(ACME))
    sameBits(await logitsOf(dir), await logitsOf(fixturePath(QWEN)), 'logits')
  }))

const SIGMOID = { router_score: 'sigmoid', router_bias: true, norm_topk_prob: true, norm_topk_add: 1e-20 }
const MLP = `${OURS}.mlp`

/** Families as descriptions of decoders: the rules of each, and its names. */
const DECODERS: Record<string, { keys?: object; defaults: object; tensors?: Record<string, string> }> = {
  '31-olmoe-f32': {
    keys: { intermediate_size: 'moe_intermediate_size' },
    defaults: { query_key_norm: 'row', rms_norm_eps: 1e-5 },
  },
  '41-qwen3moe-f32': { defaults: { query_key_norm: 'head' } },
  '45-qwen2moe-f32': {
    keys: { sliding_window: null },
    defaults: { attention_bias: 'qkv', shared_expert_gate: true },
  },
  '52-mixtral-window-bf16-sharded': {
    keys: { num_local_experts: 'num_experts', intermediate_size: 'moe_intermediate_size' },
    defaults: { norm_topk_prob: true },
    tensors: {
      [`${OURS}.block_sparse_moe.gate.weight`]: `${MLP}.gate.weight`,
      [`${OURS}.block_sparse_moe.experts.{expert}.w1.weight`]: `${MLP}.experts.{expert}.gate_proj.weight`,
      [`${OURS}.block_sparse_moe.experts.{expert}.w3.weight`]: `${MLP}.experts.{expert}.up_proj.weight`,
      [`${OURS}.block_sparse_moe.experts.{expert}.w2.weight`]: `${MLP}.experts.{expert}.down_proj.weight`,
    },
  },
  '131-glm4moe-f32': {
    keys: { n_routed_experts: 'num_experts', n_shared_experts: 'num_shared_experts', attention_bias: null },
    defaults: { ...SIGMOID, attention_bias: 'qkv', query_key_norm: 'head' },
    tensors: { [`${MLP}.shared_experts.{rest}`]: `${MLP}.shared_expert.{rest}` },
  },
  '181-afmoe-f32': {
    keys: { num_dense_layers: 'first_k_dense_replace', route_scale: 'routed_scaling_factor' },
    defaults: {
      ...{ ...SIGMOID, norms: 'around', query_key_norm: 'head', attention_gate: 'sigmoid', positions: 'sliding' },
      embedding_multiplier: 'sqrt(hidden_size)',
    },
    tensors: {
      [`${OURS}.pre_mlp_layernorm.weight`]: `${OURS}.pre_feedforward_layernorm.weight`,
      [`${OURS}.post_mlp_layernorm.weight`]: `${OURS}.post_feedforward_layernorm.weight`,
      [`${MLP}.router.gate.weight`]: `${MLP}.gate.weight`,
      [`${MLP}.expert_bias`]: `${MLP}.gate.e_score_correction_bias`,
      [`${MLP}.shared_experts.{rest}`]: `${MLP}.shared_expert.{rest}`,
    },
  },
  '186-flexolmo-f32': {
    keys: { intermediate_size: 'moe_intermediate_size' },
    defaults: { query_key_norm: 'row', norms: 'after' },
  },
  '201-mellum-f32': { defaults: { query_key_norm: 'head' } },
  '247-hyv3-bf16-sharded': {
    keys: { router_scaling_factor: 'routed_scaling_factor' },
    defaults: { ...SIGMOID, query_key_norm: 'head' },
    tensors: {
      [`${MLP}.router.gate.weight`]: `${MLP}.gate.weight`,
      [`${MLP}.expert_bias`]: `${MLP}.gate.e_score_correction_bias`,
      [`${MLP}.shared_mlp.{rest}`]: `${MLP}.shared_expert.{rest}`,
    },
  },
}

for (const [name, description] of Object.entries(DECODERS)) {
  test(`${name} as a decoder by description gives the same bits`, () =>
    inTemporaryFolder(async (dir) => {
      await cp(fixturePath(name), dir, { recursive: true })
      const { model_type } = fixtureConfig(name)
      await writeFile(join(dir, FAMILY_FILE), JSON.stringify({ model_type, like: 'molm_decoder', ...description }))
      sameBits(await logitsOf(dir), await logitsOf(fixturePath(name)), name)
    }))
}

/** Faults of a description with one member a line, and what their errors say. */
const FAULTS: [object, RegExp][] = [
  [{ tensor: {} }, /^x:4: tensor is no member of a description; did you mean tensors\?$/],
  [{ model_type: 3 }, /^x:2: model_type must be the model_type/],
  [{ like: 'qwen3_mo' }, /^x:3: like must be a model_type that molm runs, not "qwen3_mo"; did you mean qwen3_moe\?$/],
  [
    { keys: { n_embd: 'hidden_sise' } },
    /^x:5: keys\.n_embd names "hidden_sise", no key of qwen3_moe; did you mean hidden_size\?$/,
  ],
  [{ keys: { n: '__proto__' } }, /^x:5: keys\.n names "__proto__"/],
  [{ keys: [] }, /^x:4: keys must be an object of at most 256 names$/],
  [{ defaults: { top_k: 2 } }, /^x:5: defaults\.top_k names "top_k", no key of qwen3_moe/],
  [
    { tensors: { 'a.{layer}': 'b', 'a.{block}': 'c' } },
    /^x:6: tensors\."a\.\{block\}" has "\{block\}": between points/,
  ],
  [{ tensors: { 'a.{rest}.b': 'c' } }, /^x:5: tensors\."a\.\{rest\}\.b" has "\{rest\}"/],
  [{ tensors: { 'a.b': 'c.{layer}' } }, /^x:5: tensors\."a\.b" has \{layer\} in the new name alone$/],
  [{ tensors: { 'a.b': [] } }, /^x:5: tensors\."a\.b" must be a name, a list of names, or an object/],
  [{ tensors: { 'a.b': { c: 'hidden_size', d: 'no_key' } } }, /^x:5: tensors\."a\.b" has a share "no_key", but config/],
]

test('errors name the line and the member', async () => {
  for (const [fault, message] of FAULTS) {
    const text = JSON.stringify({ model_type: 'acme_moe', like: 'qwen3_moe', ...fault }, null, 1)
    await rejectsWithUserError(() => readDescription(Buffer.from(text), 'x').rules({ hidden_size: 8 }), message)
  }
  await rejectsWithUserError(
    () => readDescription(Buffer.from('{\n "like":\n}'), 'x'),
    /^x: not valid JSON \(.*line 3\)$/,
  )
  const hostile = Buffer.from(`{"model_type": "m", "like": ${'\\"'.repeat(2 ** 16)}}`)
  await rejectsWithUserError(() => readDescription(hostile, 'x'), /^x: not valid JSON/)
  const deep = Buffer.from('{\n "keys": {"a": ["]", {"like": 1}]},\n "like": 2, "model_type": "m"}')
  await rejectsWithUserError(() => readDescription(deep, 'x'), /^x:3: like must be/)
})

test('errors in a checkpoint name the description', () =>
  inTemporaryFolder(async (dir) => {
    await writeAcme(dir)
    const refused = async (tensors: object, message: RegExp, others: object = {}) => {
      await writeFile(join(dir, FAMILY_FILE), JSON.stringify({ ...ACME, ...others, tensors }, null, 1))
      await rejectsWithUserError(() => logitsOf(dir), message)
    }
    const { tensors } = ACME
    await refused(tensors, /describes model_type "other", not "acme_moe" of config\.json$/, { model_type: 'other' })
    await refused({}, /model\.embed_tokens\.weight is missing \(molm-family\.json asks for one of shape/)
    const norm = 'transformer.ln_f.weight'
    await refused(
      { ...tensors, [norm]: 'model.embed_tokens.weight' },
      /molm-family\.json:\d+: \S+ would be a second tensor model\.emb/,
    )
    const thirds = ['a', 'b', 'c', 'd', 'e'].map((name) => `${LAYER}.{expert}.${name}`)
    await refused(
      { ...tensors, [`${LAYER}.moe.wi`]: thirds },
      /molm-family\.json:\d+: tensor \S+ of shape \[56, 48\] cannot be cut into 5/,
    )
    await refused({ ...tensors, [norm]: 'model.norm.{expert}' }, /has no first dimension of at most 4096 experts$/)
  }))

test('the keys that a description may name are all that families read', async () => {
  const folder = repositoryPath('src/model/families')
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.ts'))
  const sources = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))
  const read = sources.flatMap((source) => [...source.matchAll(/\.has\('(\w+)'\)/g)].map(([, key]) => key))
  const known = new Set(MODEL_TYPES.flatMap((type) => keysOf(architectureNamed(type) ?? { defaults: {} })))
  assert.ok(read.length > 30)
  assert.equal(
    [...new Set(read)].filter((key) => !known.has(key)),
    [],
  )
})

test.run()
