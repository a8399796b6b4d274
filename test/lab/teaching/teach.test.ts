import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { convertModel, describeModel, type ExpertMask } from '#molm/index.js'
import { graftModel, planTeaching, type TeachEvent, type TeachOptions, teach } from '#molm/lab/index.js'
import { journalPath } from '#molm/lab/teaching/journal.js'
import { fixturePath } from '../../support/fixtures.js'
import { withModel } from '../../support/models.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'
import { quick } from './quick.js'

const test = suite('teaching')

/** A model of 3 layers with random weights, packed once for all tests. */
let TINY = ''
let folder = ''

/** A training with two threads, and its events. */
let whole: Awaited<ReturnType<typeof teach>>
const events: TeachEvent[] = []
const WHOLE = { steps: 11, experts: 2 }

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'molm-teach-'))
  TINY = join(folder, 'tiny')
  await convertModel(fixturePath('01-base-bin-f32'), TINY, { threads: 2 })
  const onEvent = (event: TeachEvent) => events.push(event)
  whole = await teach(TINY, await quick(join(folder, 'whole'), { ...WHOLE, threads: 2, onEvent }))
})

test.after(() => rm(folder, { recursive: true, force: true }))

/** Logits and routes of a text, with the new experts of a taught model masked or not. */
const run = (name: string, mask?: ExpertMask) =>
  withModel(name, { threads: 1 }, async (model) => {
    if (mask) await model.maskExperts(mask)
    const tokens = model.tokenizer.encode('The lantern is lit. Zwölf Boxkämpfer jagen').slice(0, 40)
    return model.createSession().forward(tokens, { logits: 'all', routes: true })
  })

/** Checks that a taught model without its new experts is the model it was made from, to the bit. */
async function assertMaskable({ path, newExperts }: Awaited<ReturnType<typeof teach>>): Promise<void> {
  const [masked, original] = [await run(path, { ...newExperts, gates: 'kept' }), await run(TINY)]
  assert.equal(masked.logits, original.logits)
  assert.equal(masked.routes, original.routes)
  assert.not.equal((await run(path)).logits, original.logits)
}

test('new experts learn a text; masked they leave the model as it was, to the bit', async () => {
  const out = join(folder, 'whole')
  assert.is(whole.path, join(out, 'model-q4.molm.safetensors'))
  assert.equal(whole.newExperts, { mlp: [[], [], [8, 9]] })
  const [{ perplexity, loss }] = whole.texts
  assert.is(Math.exp(loss.after), perplexity.after)
  assert.ok(perplexity.after < 0.9 * perplexity.before, JSON.stringify(perplexity))
  assert.equal(
    whole.retained.map(({ name }) => name),
    ['own writing', 'own continuations', 'novels.txt'],
  )
  const { bias, isWithinLimit, heldOutLossBefore, curve: tried } = whole.calibration
  assert.ok(isWithinLimit, JSON.stringify(tried))
  assert.is(events.filter(({ kind }) => kind === 'calibration').length, tried.length)
  assert.is(whole.stopReason, 'done')
  assert.equal(
    whole.curve.map(({ step }) => step),
    Array.from({ length: 12 }, (_, step) => step),
  )
  assert.is(events.filter(({ kind }) => kind === 'step').length, 11)
  assert.equal((await readdir(folder)).sort(), ['tiny', 'whole'], 'no other files are left')
  await assertMaskable(whole)
  const info = await describeModel(out)
  assert.equal(info.config.mixtures.find(({ kind }) => kind === 'mlp')?.newExperts, whole.newExperts.mlp)
  const heldOutLoss = { before: heldOutLossBefore, after: tried.find((point) => point.bias === bias)?.heldOutLoss }
  assert.equal(
    info.taught?.map(({ texts, kind, layers, heldOutLoss }) => ({ texts, kind, layers, heldOutLoss })),
    [{ texts: ['strange.txt'], kind: 'mlp', layers: [2], heldOutLoss }],
  )
  const rows = async (name: string) => (await readFile(join(out, name), 'utf8')).trim().split('\n').length
  assert.equal([await rows('teaching.csv'), await rows('calibration.csv')], [13, 1 + tried.length])
  for (const name of ['teaching.svg', 'calibration.svg']) {
    assert.match(await readFile(join(out, name), 'utf8'), /^<svg .*<\/svg>\n$/s)
  }
})

test('a graft keeps the names of new experts', () =>
  inTemporaryFolder(async (dir) => {
    await graftModel(join(folder, 'whole'), join(dir, 'grafted'), { from: TINY, only: 'mlp', experts: [0] })
    const { config } = await describeModel(join(dir, 'grafted'))
    assert.equal(config.mixtures[1].newExperts, whole.newExperts.mlp)
  }))

test('a training resumed with one thread gives the same file as an uninterrupted one with two', () =>
  inTemporaryFolder(async (dir) => {
    const out = join(dir, 'cut')
    const controller = new AbortController()
    const onEvent = (event: TeachEvent) => {
      if (event.kind === 'step' && event.point.step === 1) controller.abort(new Error('enough'))
    }
    // Every second step has a check, and there is nothing worth writing before the first.
    await rejectsWithUserError(
      async () => teach(TINY, await quick(out, { ...WHOLE, signal: controller.signal, onEvent })),
      /interrupted at step 1, before anything worth writing was learnt.* teach with `resume`/,
    )
    assert.equal(await readdir(dir), ['cut.teaching'])
    const second = await teach(TINY, await quick(out, { ...WHOLE, resume: true }))
    assert.equal(second.curve, whole.curve)
    assert.equal(second.calibration, whole.calibration)
    assert.equal(await readFile(second.path), await readFile(whole.path))
  }))

test('an abort before the first step leaves nothing', () =>
  inTemporaryFolder(async (dir) => {
    const controller = new AbortController()
    const reason = new Error('never mind')
    const onEvent = (event: TeachEvent) => event.kind === 'plan' && controller.abort(reason)
    const thrown = await teach(TINY, await quick(join(dir, 'out'), { signal: controller.signal, onEvent })).catch(
      (e) => e,
    )
    assert.is(thrown, reason)
    assert.equal(await readdir(dir), [])
  }))

test('a loss that is not a number ends the training with the best state, or an error if there is none', () =>
  inTemporaryFolder(async (dir) => {
    const options = await quick(join(dir, 'out'), { learningRate: 1e30, steps: 6 })
    await rejectsWithUserError(
      () => teach(TINY, options),
      /nothing was learnt: the loss is not a number any more.*lower `learningRate`/,
    )
    assert.equal(await readdir(dir), [])
  }))

test('a plan has the sizes of a training, agrees with the training, and writes nothing', () =>
  inTemporaryFolder(async (dir) => {
    const { out: _, ...options } = await quick(join(dir, 'out'), { ...WHOLE, threads: 2 })
    const plan = await planTeaching(TINY, options)
    assert.is(plan.parameters, 2 * (2 * 128 * 64 + 32))
    assert.ok(plan.memoryBytes > 16 * plan.parameters)
    assert.ok(plan.tokensPerSecond > 0 && plan.secondsPerEpoch > 0)
    const { tokensPerSecond: __, secondsPerEpoch: ___, ...rest } = plan
    const planned = events.find((event) => event.kind === 'plan')
    assert.equal(rest, planned?.kind === 'plan' && planned.plan)
    assert.is(rest.usualBatch, undefined, 'a batch was asked for')
    assert.equal(await readdir(dir), [])
  }))

test('wrong options and texts are refused with a remedy', () =>
  inTemporaryFolder(async (dir) => {
    const out = join(dir, 'out')
    const refused = async (options: Partial<TeachOptions>, message: RegExp, model = TINY) =>
      rejectsWithUserError(async () => teach(model, await quick(out, options)), message)
    await refused(
      { texts: [{ name: 'short.txt', text: 'Hello' }], batch: undefined },
      /the texts have \d tokens to learn from .*at least 64 are needed/,
    )
    await refused({ batch: 1 << 20 }, /fewer than a `batch` of 1048576; give more text, or a smaller `batch`/)
    await refused({ layers: [3] }, /there is no layer 3: the model has layers 0 to 2/)
    await refused({ layers: 'first:1' as 'all' }, /`layers` must be like/)
    await refused({ experts: 0 }, /`experts` must be a whole number from 1 to 1024/)
    await refused({ learningRate: -1 }, /`learningRate` must be above 0/)
    await refused({ keep: 1 }, /`keep` must be from 0 to below 1/)
    for (const forget of [0, 1.5]) await refused({ forget }, /`forget` must be above 0 and 1 at most/)
    await refused({ seed: 1e13 + 1 }, /`seed` must be a whole number from 0 to 10000000000000, not 10000000000001/)
    await refused({ keepTexts: [{ name: 'short.txt', text: 'Hello' }] }, /short.txt: \d tokens are too few/)
    await refused({ texts: [] }, /teaching needs a text/)
    await refused({}, /OLMoE models cannot be trained/, fixturePath('31-olmoe-f32'))
    await refused({ out: TINY }, /is the model itself; give another folder/)
    assert.equal(await readdir(dir), [])
    assert.is(journalPath(out), `${out}.teaching`)
  }))

test.run()
