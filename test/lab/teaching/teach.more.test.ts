import { mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  convertModel,
  describeModel,
  graftModel,
  type Model,
  pruneModel,
  type TeachEvent,
  type TeachOptions,
  teach,
} from '#molm/index.js'
import { journalPath } from '#molm/lab/teaching/journal.js'
import { fixturePath, repositoryPath } from '../../support/fixtures.js'
import { withModel } from '../../support/models.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

const test = suite('teaching')

/** nano, and a model of 3 layers with random weights, packed once for all tests. */
let NANO = ''
let TINY = ''
let folder = ''

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'molm-teach-'))
  NANO = join(folder, 'nano')
  TINY = join(folder, 'tiny')
  await convertModel(repositoryPath('models/nano'), NANO, { threads: 2 })
  await convertModel(fixturePath('01-base-bin-f32'), TINY, { threads: 2 })
})

test.after(() => rm(folder, { recursive: true, force: true }))

/** Words that nano has never seen, with a pattern that a short training can learn. */
const STRANGE = 'Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. '.repeat(30)
const TEXT = { name: 'strange.txt', text: STRANGE }

const keepText = async (length = 400) => ({
  name: 'novels.txt',
  text: (await readFile(fixturePath('texts/novels.txt'), 'utf8')).slice(0, length),
})

async function quick(out: string, options: Partial<TeachOptions> = {}): Promise<TeachOptions> {
  return {
    out,
    texts: [TEXT],
    keepTexts: [await keepText()],
    layers: 'last:1',
    batch: 64,
    steps: 10,
    threads: 1,
    learningRate: 0.01,
    ...options,
  }
}

const run = (name: string, before: (model: Model) => Promise<void> = async () => {}) =>
  withModel(name, { threads: 1 }, async (model) => {
    await before(model)
    const tokens = model.tokenizer.encode('The lantern is lit. Zwölf Boxkämpfer jagen').slice(0, 40)
    return model.createSession().forward(tokens, { logits: 'all', routes: true })
  })

for (const { only, batch, kept } of [{ only: 'mlp', batch: 128, kept: 3000 }] as const) {
  test(`new ${only} experts learn a text; masked they leave the model as it was, to the bit`, () =>
    inTemporaryFolder(async (dir) => {
      const out = join(dir, 'taught')
      const events: TeachEvent[] = []
      const onEvent = (event: TeachEvent) => events.push(event)
      const keepTexts = [await keepText(kept)]
      const taught = await teach(NANO, await quick(out, { only, experts: 2, batch, keepTexts, forget: 0.01, onEvent }))
      assert.is(taught.path, join(out, 'model-q4.molm.safetensors'))
      const own = only === 'mlp' ? 24 : 8
      assert.equal(taught.newExperts, { [only]: [[], [], [], [], [], [own, own + 1]] })
      const [{ perplexity, loss, newExpertShare }] = taught.texts
      assert.is(Math.exp(loss.after), perplexity.after)
      assert.equal(
        taught.retained.map(({ name }) => name),
        ['own writing', 'own continuations', 'novels.txt'],
      )
      const { bias, isWithinLimit, heldOutLossBefore, curve: tried } = taught.calibration
      assert.ok(bias < 0, 'there must be a bias for the mask to remove')
      assert.ok(isWithinLimit, JSON.stringify(tried))
      assert.is(events.filter(({ kind }) => kind === 'calibration').length, tried.length)
      const chosen = tried.find((point) => point.bias === bias)
      // 0.03 with unpacked weights. Queries suffer more from the rounding of activations in products.
      const apart = Math.abs(loss.after - (chosen?.heldOutLoss ?? 0))
      assert.ok(apart < (only === 'mlp' ? 0.01 : 0.05), `the written model is calibrated: ${apart} nats apart`)
      const open = tried.find((point) => point.bias === 0)?.heldOutLoss ?? Infinity
      assert.ok(
        heldOutLossBefore - open > Math.log(2),
        `with open gates the perplexity is halved: ${JSON.stringify(tried)}`,
      )
      assert.ok(perplexity.after < 0.5 * perplexity.before, JSON.stringify(perplexity))
      for (const kept of taught.retained) {
        assert.ok(newExpertShare > kept.newExpertShare, `new experts serve the new text more than ${kept.name}`)
      }
      assert.is(taught.stopReason, 'done')
      assert.equal(
        taught.curve.map(({ step }) => step),
        Array.from({ length: 11 }, (_, step) => step),
      )
      assert.is(events.filter(({ kind }) => kind === 'step').length, 10)
      assert.equal((await readdir(dir)).sort(), ['taught'], 'no other files are left')

      const mask = { ...taught.newExperts, gates: 'kept' } as const
      const [masked, original, free] = [
        await run(out, (model) => model.maskExperts(mask)),
        await run(NANO),
        await run(out),
      ]
      assert.equal(masked.logits, original.logits)
      assert.equal(masked.routes, original.routes)
      assert.not.equal(free.logits, original.logits)
      const info = await describeModel(out)
      assert.equal(info.config.mixtures.find(({ kind }) => kind === only)?.newExperts, taught.newExperts[only])
      assert.equal(
        info.taught?.map(({ texts, kind, layers, heldOutLoss }) => ({ texts, kind, layers, heldOutLoss })),
        [
          {
            texts: ['strange.txt'],
            kind: only,
            layers: [5],
            heldOutLoss: { before: heldOutLossBefore, after: chosen?.heldOutLoss },
          },
        ],
      )
      const csv = (await readFile(join(out, 'teaching.csv'), 'utf8')).trim().split('\n')
      assert.is(csv.length, 12)
      const calibration = (await readFile(join(out, 'calibration.csv'), 'utf8')).trim().split('\n')
      assert.is(calibration.length, 1 + tried.length)
      for (const name of ['teaching.svg', 'calibration.svg']) {
        assert.match(await readFile(join(out, name), 'utf8'), /^<svg .*<\/svg>\n$/s)
      }
    }))
}

test('an abort before a state is worth writing reports that, and keeps the training', () =>
  inTemporaryFolder(async (dir) => {
    const out = join(dir, 'out')
    // Every second of 12 steps has a check; at this rate no gain is large enough to count.
    const slow = (options: Partial<TeachOptions>) => quick(out, { steps: 12, learningRate: 1e-6, ...options })
    const abortedAt = async (last: number) => {
      const controller = new AbortController()
      const onEvent = (event: TeachEvent) => {
        if (event.kind === 'step' && event.point.step === last) controller.abort(new Error('enough'))
      }
      await rejectsWithUserError(
        async () => teach(TINY, await slow({ signal: controller.signal, onEvent })),
        new RegExp(`interrupted at step ${last}, before anything worth writing was learnt.* teach with \`resume\``),
      )
      assert.equal(await readdir(dir), ['out.teaching'])
    }
    await abortedAt(1)
    await rejectsWithUserError(
      async () => teach(TINY, await slow({ resume: true, seed: 1 })),
      /belongs to another training/,
    )
    if (process.platform === 'linux') {
      await symlink('/dev/full', `${journalPath(out)}.partial`)
      await rejectsWithUserError(
        async () => teach(TINY, await slow({ resume: true })),
        /the disk is full; make room and teach with `resume`/,
      )
    }
  }))

test('an abort of a training with a state that is worth writing writes it, and the training can be resumed', () =>
  inTemporaryFolder(async (dir) => {
    const out = join(dir, 'cut')
    const controller = new AbortController()
    const onEvent = (event: TeachEvent) => {
      if (event.kind === 'step' && event.point.step === 2) controller.abort(new Error('enough'))
    }
    const first = await teach(TINY, await quick(out, { steps: 4, signal: controller.signal, onEvent }))
    assert.is(first.stopReason, 'interrupted')
    assert.ok(first.bestStep > 0 && first.bestStep <= 2, `step ${first.bestStep}`)
    assert.ok(first.texts[0].perplexity.after < first.texts[0].perplexity.before)
    const second = await teach(TINY, await quick(out, { steps: 4, resume: true }))
    assert.is(second.curve.at(-1)?.step, 4)
  }))

test('an abort after the training keeps it', () =>
  inTemporaryFolder(async (dir) => {
    const out = join(dir, 'out')
    const aborted = async (isIt: (event: TeachEvent) => boolean) => {
      const controller = new AbortController()
      const onEvent = (event: TeachEvent) => isIt(event) && controller.abort(new Error('enough'))
      const options = { steps: 3, signal: controller.signal, onEvent, resume: (await readdir(dir)).length > 0 }
      await rejectsWithUserError(
        async () => teach(TINY, await quick(out, options)),
        /interrupted; the training is kept: teach with `resume` to continue/,
      )
    }
    await aborted(({ kind }) => kind === 'calibration')
    assert.equal(await readdir(dir), ['out.teaching'])
    await aborted((event) => event.kind === 'phase' && event.phase === 'measuring the original model')
    assert.equal(await readdir(dir), ['out.teaching'])
  }))

test('a taught model can be taught again, pruned and grafted, and new experts keep their names', () =>
  inTemporaryFolder(async (dir) => {
    const [once, twice, pruned, grafted] = ['once', 'twice', 'pruned', 'grafted'].map((name) => join(dir, name))
    await teach(TINY, await quick(once, { steps: 2, layers: [2] }))
    const again = await teach(once, await quick(twice, { steps: 2, layers: [1, 2] }))
    assert.equal(again.newExperts.mlp?.slice(1), [[8], [9]])
    const second = await describeModel(twice)
    assert.equal(second.config.mixtures[1].newExperts?.slice(1), [[8], [8, 9]])
    assert.is(second.taught?.length, 2)
    await graftModel(twice, grafted, { from: TINY, only: 'mlp', experts: [0] })
    assert.equal((await describeModel(grafted)).config.mixtures[1].newExperts, second.config.mixtures[1].newExperts)
    await pruneModel(twice, pruned, { calibrate: [await keepText(1000)], keep: 0.9, only: 'mlp', threads: 2 })
    const { config } = await describeModel(pruned)
    const selection = JSON.parse(await readFile(join(pruned, 'selection.json'), 'utf8'))
    for (const layer of [1, 2]) {
      const old = second.config.mixtures[1].newExperts?.[layer] ?? []
      const kept = old.filter((id) => selection.mlp[layer].includes(id))
      assert.equal(
        config.mixtures[1].newExperts?.[layer],
        kept.map((id) => selection.mlp[layer].indexOf(id)),
      )
    }
  }))

test('retained text loses no more than `forget`, and a lower `forget` closes the gates further', () =>
  inTemporaryFolder(async (dir) => {
    const biases: number[] = []
    const rises: number[] = []
    for (const forget of [1, 0.002]) {
      const options = await quick(join(dir, `forget-${forget}`), { forget, steps: 6, keepTexts: undefined })
      const { calibration, retained, regressions } = await teach(TINY, options)
      const chosen = calibration.curve.find(({ bias }) => bias === calibration.bias)
      assert.ok(calibration.isWithinLimit)
      assert.equal(regressions, [], 'of the written model')
      assert.equal(
        retained.map(({ name }) => name),
        ['own writing', 'own continuations'],
      )
      rises.push(retained[0].loss.after - retained[0].loss.before)
      assert.ok(Math.abs(Math.expm1(chosen?.retained[0].bound ?? 0) - forget) < 1e-9)
      assert.equal(
        calibration.curve.map(({ bias }) => bias),
        calibration.curve.map(({ bias }) => bias).sort((a, b) => b - a),
      )
      biases.push(calibration.bias)
    }
    assert.ok(biases[1] < biases[0], `${biases}`)
    assert.ok(rises[1] < 0.005 && rises[1] < rises[0] / 2, `own writing, by the written model: ${rises}`)
  }))

test.run()
