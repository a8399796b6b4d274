import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { formatBytes, formatSize } from '#molm/ground/numbers.js'
import { type Conversion, convertModel, describeModel, type Model } from '#molm/index.js'
import { preparedModel } from '#molm/library/finding/resolve-model.js'
import { startHere } from '#molm/library/load-model.js'
import { sameBits } from '../../support/compare.js'
import { fixturePath, repositoryPath } from '../../support/fixtures.js'
import { withModel } from '../../support/models.js'
import { integers } from '../../support/random.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { until } from '../../support/until.js'

const test = suite('--memory')
const TOKENS = integers(80, 21, 300)

let folder = ''
let packed: Conversion

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'molm-memory-'))
  packed = await convertModel(fixturePath('04-bin-f16-sharded'), `${folder}/packed`, { threads: 1 })
})

test.after(() => rm(folder, { recursive: true }))

/** Runs `use` with a model packed in 4 bits. */
function withPacked(use: (dir: string, conversion: Conversion) => Promise<void>): Promise<void> {
  return use(`${folder}/packed`, packed)
}

/** Logits of a prompt, in one piece and token by token, and a greedy text. */
async function results(model: Model): Promise<{ whole: Float32Array; single: Float32Array[]; text: number[] }> {
  const whole = (await model.createSession().forward(TOKENS, { logits: 'all' })).logits
  const session = model.createSession()
  const single: Float32Array[] = []
  for (const token of TOKENS.slice(0, 12)) single.push((await session.forward([token])).logits)
  const text: number[] = []
  const options = { temperature: 0, maxTokens: 8, ignoreEos: true, stop: [] }
  for await (const { token } of model.createSession().generate([5, 9, 2], options)) text.push(token)
  return { whole, single, text }
}

test('a small budget gives the same bits as none, and stays within it', () =>
  withPacked(async (dir) => {
    const free = await withModel(dir, { threads: 1 }, async (model) => {
      const found = await results(model)
      assert.is((await model.stats()).budgetBytes, model.info.bytes)
      return { ...found, bytes: model.info.bytes }
    })
    const least = await leastBudget(dir)
    assert.ok(least < free.bytes * 0.7, `${least} of ${free.bytes} bytes`)
    for (const memory of [least, Math.round((least + free.bytes) / 2), free.bytes]) {
      await withModel(dir, { threads: 1, memory }, async (model) => {
        const { whole, single, text } = await results(model)
        sameBits(whole, free.whole, `budget ${memory}`)
        for (const [i, logits] of single.entries()) sameBits(logits, free.single[i], `budget ${memory}, token ${i}`)
        assert.equal(text, free.text)
        const { weightsBytes, budgetBytes, expertMisses, expertHits, bytesRead } = await model.stats()
        assert.is(budgetBytes, memory)
        assert.ok(weightsBytes <= memory, `${weightsBytes} bytes held of ${memory}`)
        if (memory > (least + free.bytes) / 2 - 1) assert.ok(expertHits > 0, 'no expert was used twice')
        // With room for all experts, each is read once; with less, some are read again.
        if (memory === free.bytes) assert.is(bytesRead, weightsBytes)
        else assert.ok(bytesRead > weightsBytes && expertMisses > 4 * 8, `${bytesRead} bytes, ${expertMisses} misses`)
      })
    }
  }))

test('the error for too small a budget says how much is needed', () =>
  withPacked(async (dir) => {
    const refusal = (memory: number) =>
      rejectsWithUserError(() => withModel(dir, { memory }, () => undefined), /memory/)
    const least = await leastBudget(dir)
    assert.is(
      await refusal(10_000),
      `\`memory\` ${formatSize(10_000)} is too little for this model: it needs at least ${formatSize(least)}`,
    )
    await withModel(dir, { memory: least, threads: 1 }, (model) => model.createSession().forward([1]))
    await refusal(least - 1)
  }))

test('without room for all, an expert is read only when a token is routed to it', () =>
  withPacked(async (dir, { path }) => {
    const { size } = await stat(path)
    const memory = (await describeModel(dir)).bytes - 1
    await withModel(dir, { threads: 1, memory }, async (model) => {
      const { weightsBytes, expertMisses } = await model.stats()
      assert.is(expertMisses, 0)
      assert.ok(weightsBytes < size / 2)
      await model.createSession().forward([5])
      // Two attention and two MLP experts in each of four layers.
      const after = await model.stats()
      assert.is(after.expertMisses, 16)
      assert.is(after.expertHits, 0)
      await model.createSession().forward([5])
      assert.is((await model.stats()).expertHits, 16)
    })
  }))

test('with room for all, experts are read in the background, each once', () =>
  withPacked(async (dir) => {
    const scarce = await withModel(dir, { threads: 1, memory: await leastBudget(dir) }, results)
    await withModel(dir, { threads: 2 }, async (model) => {
      const early = await results(model)
      sameBits(early.whole, scarce.whole, 'while they are read')
      await until(async () => (await model.stats()).weightsBytes >= model.info.bytes, 'all experts')
      const { weightsBytes, bytesRead, expertMisses } = await model.stats()
      assert.is(weightsBytes, model.info.bytes)
      assert.is(bytesRead, model.info.bytes)
      const late = await results(model)
      sameBits(late.whole, scarce.whole, 'afterwards')
      assert.is((await model.stats()).expertMisses, expertMisses, 'an expert was missing after all were read')
    })
  }))

test('a checkpoint is held whole, so a budget below its size is an error', async () => {
  const message = await rejectsWithUserError(
    () => withModel('nano', { memory: 1_000_000 }, () => undefined),
    /held whole/,
  )
  const nano = repositoryPath('models/nano')
  const { bytes } = await describeModel('nano')
  assert.equal(message.split('\n'), [
    `\`memory\` 1MB is too little for ${nano} in q4, which is held whole: ${formatSize(bytes)}`,
    `a packed model holds only the experts in use: molm convert ${nano} OUT --quant q4 (takes some 500 MB)`,
  ])
})

test('a checkpoint larger than free memory is refused, with a remedy; a packed one runs with less', async () => {
  const found = await preparedModel('nano')
  const { bytes } = await describeModel('nano')
  // An eighth more than the weights.
  const wanted = (bytes * 9) / 8
  const needs = `needs ${formatBytes(wanted)} of memory, and ${formatBytes(wanted - 10_000)} are free`
  await rejectsWithUserError(
    () => startHere(found, { threads: 1 }, wanted - 10_000),
    new RegExp(`^\\S+nano in q4 ${needs}\\na packed .*: molm convert \\S+nano OUT --quant q4`),
  )
  for (const [options, free] of [
    [{}, wanted],
    [{ memory: bytes }, 1000],
  ] as const) {
    const model = await startHere(found, { threads: 1, ...options }, free)
    await model.createSession().forward([5])
    await model.dispose()
  }
  await withPacked(async (dir) => {
    const model = await startHere(await preparedModel(dir), { threads: 1 }, 1000)
    await model.createSession().forward([5])
    assert.is((await model.stats()).budgetBytes, model.info.leastBytes)
    await model.dispose()
  })
})

/** The least budget, from the model's description. */
async function leastBudget(dir: string): Promise<number> {
  return (await describeModel(dir)).leastBytes
}

test.run()
