import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { convertModel, describeModel } from '#molm/index.js'
import { chooseGates, graftModel, pruneModel, teach } from '#molm/lab/index.js'
import { lastAccount } from '#molm/lab/teaching/records.js'
import { beginningsOf, tryModel } from '#molm/lab/teaching/trial.js'
import { openPackedFile } from '#molm/model/packing/format/packed-file.js'
import { fixturePath } from '../../support/fixtures.js'
import { withModel } from '../../support/models.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { keepText, quick } from './quick.js'

const test = suite('gates of a taught model')

let folder = ''
let TINY = ''
let OUT = ''
/** A teaching with the gates of the least and of the highest `forget`, and the logits of both models. */
let taught: Awaited<ReturnType<typeof teach>>
let open: Float32Array
const [LESS, MORE] = [0.0005, 1]

const logits = (name: string) =>
  withModel(name, { threads: 1 }, async (model) => {
    const tokens = model.tokenizer.encode('Zwölf Boxkämpfer jagen Viktor')
    return (await model.createSession().forward(tokens, { logits: 'all' })).logits
  })

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'molm-gates-'))
  ;[TINY, OUT] = [join(folder, 'tiny'), join(folder, 'taught')]
  await convertModel(fixturePath('01-base-bin-f32'), TINY, { threads: 1 })
  await teach(TINY, await quick(join(folder, 'open'), { forget: MORE, keepTexts: undefined, steps: 6 }))
  open = await logits(join(folder, 'open'))
  taught = await teach(TINY, await quick(OUT, { forget: LESS, keepTexts: undefined, steps: 6 }))
})

test.after(() => rm(folder, { recursive: true, force: true }))

test('gates chosen again give the model that the same `forget` would have given, without training', async () => {
  const { bias, curve } = taught.calibration
  assert.ok(bias < 0, `${bias}`)
  assert.not.equal(await logits(OUT), open)
  const before = (await readdir(OUT)).sort()
  const { path, choice, trial, perplexity } = await chooseGates(OUT, { forget: MORE, threads: 1 })
  assert.is(path, taught.path)
  assert.is(choice.bias, 0)
  assert.is(choice.heldOutLoss, curve[0].heldOutLoss)
  assert.is(perplexity.after, Math.exp(curve[0].heldOutLoss))
  assert.equal(await logits(OUT), open)
  assert.equal((await readdir(OUT)).sort(), before, 'the folder has the same files')
  assert.equal((await describeModel(OUT)).taught?.[0].heldOutLoss?.after, curve[0].heldOutLoss)
  const written = await withModel(OUT, { threads: 1 }, async (model) => {
    let text = ''
    for await (const step of model.createSession().generate(trial.prompt, { maxTokens: 40, temperature: 0 }))
      text += step.text
    return text
  })
  assert.is(trial.text, written)
  await chooseGates(OUT, { forget: LESS, threads: 1 })
  assert.equal(await readFile(join(OUT, 'teaching.svg'), 'utf8'), svg, 'and back: the picture, too')
  assert.equal(
    await describeModel(OUT).then(({ taught }) => taught?.[0].heldOutLoss?.after),
    taught.calibration.heldOutLoss,
  )
})

let svg = ''
test.before(async () => {
  svg = await readFile(join(OUT, 'teaching.svg'), 'utf8')
})

test('the picture of a teaching ends with the loss of the model as written', () => {
  const { bias, heldOutLoss } = taught.calibration
  assert.match(svg, new RegExp(`as written, with a gate bias of ${bias}: ${heldOutLoss.toFixed(3)}<`))
  assert.match(svg, />as written</)
})

test('a `forget` that no gates keep is refused with the least that some do, and the model stays', async () => {
  const before = await readFile(taught.path)
  await rejectsWithUserError(
    () => chooseGates(OUT, { forget: 1e-9 }),
    /taught: no gates cost as little as 1e-7 %; the least is \S+ %/,
  )
  await rejectsWithUserError(() => chooseGates(OUT, { forget: 0 }), /`forget` must be above 0 and 1 at most, not 0/)
  assert.equal(await readFile(taught.path), before)
})

test('models whose gates were not measured are refused: not taught, pruned or grafted', async () => {
  const [pruned, grafted] = ['pruned', 'grafted'].map((name) => join(folder, name))
  await pruneModel(OUT, pruned, { calibrate: [await keepText(1000)], keep: 0.9, only: 'mlp', threads: 1 })
  await graftModel(OUT, grafted, { from: TINY, only: 'mlp', experts: [0] })
  for (const name of [TINY, fixturePath('01-base-bin-f32'), pruned, grafted]) {
    await rejectsWithUserError(() => chooseGates(name, { forget: 0.05 }), /there are no gates to choose/)
  }
  assert.is((await describeModel(grafted)).taught?.[0].texts[0], 'strange.txt', 'the rest of the account stays')
})

test('a model is usable if its new experts bring to its own text most of what they bring to the texts', async () => {
  const { trial } = await chooseGates(OUT, { forget: MORE, threads: 1 })
  const account = lastAccount(OUT, (await openPackedFile(taught.path)).metadata.taught)
  await withModel(OUT, { threads: 1 }, async (model) => {
    const [[bias, , share, cost]] = account.gates
    const { before } = account.held_out_loss
    const isUsable = async (open: number) =>
      (await tryModel(model, { ...account, gates: [[bias, before - open, share, cost]] })).isUsable
    assert.ok(trial.gain > 0, `${trial.gain}`)
    assert.ok(await isUsable(trial.gain))
    assert.not.ok(await isUsable(1.2 * trial.gain))
    await model.maskExperts({ mlp: [[], [], [8]], gates: 'kept' })
    const without = await tryModel(model, account)
    assert.ok(Math.abs(without.gain) < 1e-4, `without them nothing is brought: ${without.gain}`)
    assert.not.ok(without.isUsable)
  })
})

test('a model is tried with the first words of lines that are spread over the texts', () => {
  const line = (i: number) => `Day ${i}. In Quillhaven, Hedda lost a rope.`
  const text = `Title\n\n${Array.from({ length: 8 }, (_, i) => line(i)).join('\n')}\n`
  assert.equal(
    beginningsOf([{ text }]),
    [0, 2, 4, 6].map((i) => `Day ${i}. In Quillhaven,`),
  )
  assert.equal(beginningsOf([{ text: ' a b\nc' }]), ['a b'], 'a text without long lines')
})

test.run()
