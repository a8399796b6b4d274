import { mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { convertModel, describeModel, type ExpertMask } from '#molm/index.js'
import { graftModel, pruneModel, type TeachEvent, type TeachOptions, teach } from '#molm/lab/index.js'
import { journalPath } from '#molm/lab/teaching/journal.js'
import { fixturePath, repositoryPath } from '../../support/fixtures.js'
import { withModel } from '../../support/models.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'
import { keepText, quick as quickly } from './quick.js'

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

const quick = (out: string, options: Partial<TeachOptions> = {}) => quickly(out, options, 30)

const run = (name: string, mask?: ExpertMask) =>
  withModel(name, { threads: 1 }, async (model) => {
    if (mask) await model.maskExperts(mask)
    const tokens = model.tokenizer.encode('The lantern is lit. Zwölf Boxkämpfer jagen').slice(0, 40)
    return model.createSession().forward(tokens, { logits: 'all', routes: true })
  })

test('new experts halve the perplexity of a text under nano, and a mask removes them with the bias of their gates', () =>
  inTemporaryFolder(async (dir) => {
    const out = join(dir, 'taught')
    const keepTexts = [await keepText(3000)]
    const taught = await teach(NANO, await quick(out, { experts: 2, batch: 128, keepTexts, forget: 0.01 }))
    assert.equal(taught.newExperts, { mlp: [[], [], [], [], [], [24, 25]] })
    const [{ perplexity, loss, newExpertShare }] = taught.texts
    const { bias, isWithinLimit, heldOutLossBefore, curve: tried } = taught.calibration
    assert.ok(bias < 0, 'there must be a bias for the mask to remove')
    assert.ok(isWithinLimit, JSON.stringify(tried))
    // 0.03 with unpacked weights.
    const apart = Math.abs(loss.after - (tried.find((point) => point.bias === bias)?.heldOutLoss ?? 0))
    assert.ok(apart < 0.02, `the written model is calibrated: ${apart} nats apart`)
    const open = tried.find((point) => point.bias === 0)?.heldOutLoss ?? Infinity
    assert.ok(heldOutLossBefore - open > Math.log(2), `with open gates it is halved, too: ${JSON.stringify(tried)}`)
    assert.ok(perplexity.after < 0.5 * perplexity.before, JSON.stringify(perplexity))
    for (const kept of taught.retained) {
      assert.ok(newExpertShare > kept.newExpertShare, `new experts serve the new text more than ${kept.name}`)
    }
    const [masked, original] = [await run(out, { ...taught.newExperts, gates: 'kept' }), await run(NANO)]
    assert.equal(masked.logits, original.logits)
    assert.equal(masked.routes, original.routes)
    assert.not.equal((await run(out)).logits, original.logits)
  }))

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
      assert.is(calibration.forget, forget)
      assert.ok(chosen && chosen.cost <= forget)
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
