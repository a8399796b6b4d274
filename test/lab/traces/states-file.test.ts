import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { openLocalFile } from '#molm/ground/files/local-folder.js'
import { loadModel, type Model } from '#molm/index.js'
import { cut } from '#molm/insight/texts/reading.js'
import { writeStates } from '#molm/lab/traces/states-file.js'
import { readSafetensors } from '#molm/model/checkpoint/safetensors.js'
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

test('a stopped reading leaves no file', ({ model }) =>
  inTemporaryFolder(async (dir) => {
    const stop = new AbortController()
    const reading = { layers: [1], window, onProgress: () => stop.abort(new Error('stopped')), signal: stop.signal }
    const error = await writeStates(model, texts, join(dir, 's.safetensors'), reading).catch((error: unknown) => error)
    assert.is((error as Error).message, 'stopped')
    assert.equal(await readdir(dir), [])
  }))

test.run()
