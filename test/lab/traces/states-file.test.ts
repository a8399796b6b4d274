import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { openLocalFile } from '#molm/ground/files/local-folder.js'
import { loadModel, type Model } from '#molm/index.js'
import { cut } from '#molm/insight/texts/reading.js'
import { writeStates } from '#molm/lab/traces/states-file.js'
import { readSafetensors } from '#molm/model/checkpoint/safetensors.js'
import type { Mixture } from '#molm/model/config/config.js'
import { sameBits } from '../../support/compare.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

const test = suite<{ model: Model }>('files of states')

test.before(async (context) => {
  context.model = await loadModel('nano', { threads: 1 })
})

test.after(({ model }) => model.dispose())

const texts = [
  { name: 'a.txt', text: 'The lantern is lit. '.repeat(80) },
  { name: 'b.txt', text: 'A ship sails.' },
]
/** Longer than a call, and shorter than the first text. */
const window = 300

test('has the states of every token, window by window', ({ model }) =>
  inTemporaryFolder(async (dir) => {
    const path = join(dir, 's.safetensors')
    const encoded = texts.map(({ text }) => model.tokenizer.encode(text, { addSpecialTokens: false }))
    const count = await writeStates(model, texts, path, { layers: [4, 0], window })
    assert.is(count, encoded[0].length + encoded[1].length)
    assert.ok(encoded[0].length > window)
    assert.equal(await readdir(dir), ['s.safetensors'])
    const file = await openLocalFile(path)
    const { tensors, metadata } = await readSafetensors(file)
    const read = async (i: number) =>
      (await file.read(tensors[i].offset, 4 * count * (tensors[i].shape[1] ?? 1))).buffer
    assert.equal(JSON.parse(metadata.texts ?? ''), ['a.txt', 'b.txt'])
    assert.equal(
      tensors.map(({ name, shape }) => `${name} ${shape.join('x')}`),
      [`tokens ${count}`, `texts ${count}`, `hidden.4 ${count}x192`, `hidden.0 ${count}x192`],
    )
    assert.equal([...new Int32Array(await read(0))], encoded.flat())
    assert.equal([...new Int32Array(await read(1))], [...encoded[0].map(() => 0), ...encoded[1].map(() => 1)])
    const states = [new Float32Array(await read(2)), new Float32Array(await read(3))]
    const windows = encoded.flatMap((tokens) => cut(tokens, window))
    let at = 0
    for (const tokens of windows) {
      const { hidden } = await model.createSession().forward(tokens, { hidden: [4, 0], logits: 'none' })
      const end = at + 192 * tokens.length
      for (const [i, rows] of hidden.entries()) sameBits(states[i].subarray(at, end), rows, `states from ${at}`)
      at = end
    }
    await file.close()
  }))

test('has what mixtures compute by nnterp’s names', ({ model }) =>
  inTemporaryFolder(async (dir) => {
    const path = join(dir, 's.safetensors')
    const [text] = texts
    const ids = model.tokenizer.encode(text.text, { addSpecialTokens: false })
    const count = await writeStates(model, [text], path, { layers: [3], routes: true, window })
    const file = await openLocalFile(path)
    const { tensors } = await readSafetensors(file)
    const mixture = ({ kind, topK, experts }: Mixture) => [
      ...[
        `layers.3.${kind}.expert_indices I64 ${count}x${topK}`,
        `layers.3.${kind}.expert_weights F32 ${count}x${topK}`,
      ],
      `layers.3.${kind}.router_logits F32 ${count}x${experts[3]}`,
      ...[
        `layers.3.${kind}.expert_outputs F32 ${count}x${topK}x192`,
        `layers.3.${kind}.routed_output F32 ${count}x192`,
      ],
    ]
    assert.equal(
      tensors
        .slice(2)
        .map(({ name, dtype, shape }) => `${name} ${dtype} ${shape.join('x')}`)
        .sort(),
      [`hidden.3 F32 ${count}x192`, ...model.config.mixtures.flatMap(mixture)].sort(),
    )
    const read = async (name: string) => {
      const found = tensors.find((tensor) => tensor.name.endsWith(name))
      assert.ok(found, name)
      const { offset, shape, dtype } = found
      assert.is(offset % (dtype === 'I64' ? 8 : 4), 0, name)
      return (await file.read(offset, (dtype === 'I64' ? 8 : 4) * shape.reduce((a, b) => a * b))).buffer
    }
    const session = model.createSession()
    const all = { routes: true, expertOutputs: [3], routerLogits: [3], logits: 'none' } as const
    const { routes, expertOutputs, routerLogits } = await session.forward(ids.slice(0, window), all)
    const chosen = routes[3].mlp
    assert.ok(chosen)
    const firstOf = async (name: string, length: number) => new Float32Array(await read(name)).subarray(0, length)
    const indices = new BigInt64Array(await read('mlp.expert_indices'))
    assert.equal([...indices.subarray(0, chosen.ids.length)].map(Number), [...chosen.ids])
    sameBits(await firstOf('mlp.expert_weights', chosen.gates.length), chosen.gates)
    const logits = routerLogits?.[0].mlp ?? new Float32Array()
    sameBits(await firstOf('mlp.router_logits', logits.length), logits)
    const weighted = (expertOutputs?.[0].mlp ?? new Float32Array()).map((y, i) => y * chosen.gates[Math.floor(i / 192)])
    sameBits(await firstOf('mlp.expert_outputs', weighted.length), weighted)
    const routed = new Float32Array(window * 192)
    const k = chosen.ids.length / window
    for (const [i, y] of weighted.entries()) routed[Math.floor(i / (k * 192)) * 192 + (i % 192)] += y
    sameBits(await firstOf('mlp.routed_output', routed.length), routed)
    await file.close()
  }))

test('a stopped reading leaves no file', ({ model }) =>
  inTemporaryFolder(async (dir) => {
    const stop = new AbortController()
    const reading = { layers: [1], window, onProgress: () => stop.abort(new Error('stopped')), signal: stop.signal }
    const error = await writeStates(model, texts, join(dir, 's.safetensors'), reading).catch((error: unknown) => error)
    assert.is((error as Error).message, 'stopped')
    assert.equal(await readdir(dir), [])
  }))

test.run()
