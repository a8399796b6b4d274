import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { type Intervention, type Model, readInterventions } from '#molm/index.js'
import { writeStates } from '#molm/lab/traces/states-file.js'
import { inOneRow, isNear, sameBits } from '../support/compare.js'
import { suiteWithModel } from '../support/models.js'
import { rejectsWithUserError } from '../support/rejects.js'

const test = suiteWithModel('interventions of a file')

const [CLEAN, CORRUPT] = ['The opposite of hot is', 'The opposite of cold is']
const PROSE = 'The lantern is lit. The sea is calm, and the house is warm.'

let folder = ''
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'molm-interventions-'))
  await writeFile(join(folder, 'prose.txt'), PROSE)
})
test.after(() => rm(folder, { recursive: true, force: true }))

async function readOf(model: Model, entries: unknown): Promise<Intervention[]> {
  const path = join(folder, 'interventions.json')
  await writeFile(path, JSON.stringify(entries))
  return readInterventions(model, path)
}

/** Everything about a prompt. */
async function statesOf(model: Model, text: string, interventions?: Intervention[]) {
  const session = model.createSession({ interventions })
  const layers = [...Array(model.config.layers).keys()]
  const asked = { hidden: layers, expertOutputs: layers, routes: true } as const
  const result = await session.forward(model.tokenizer.encode(text), asked)
  session.dispose()
  return result
}

test('values of another prompt make the layer what it is there', async ({ model }) => {
  const { width } = model.config
  const [clean, corrupt] = [await statesOf(model, CLEAN), await statesOf(model, CORRUPT)]
  const tokens = model.tokenizer.encode(CLEAN).length
  assert.is(model.tokenizer.encode(CORRUPT).length, tokens)
  const residual = await readOf(model, [{ layer: 5, part: 'residual', replace: { prompt: CLEAN } }])
  sameBits((await statesOf(model, CORRUPT, residual)).logits, clean.logits, 'after the last layer')

  const mixture = await readOf(model, [{ layer: 3, part: 'mlp', tokens: [3], replace: { prompt: CLEAN } }])
  const changed = await statesOf(model, CORRUPT, mixture)
  const [of, own] = [clean, changed].map(({ routes, expertOutputs }) => {
    const { ids, gates } = routes[3].mlp ?? { ids: new Int32Array(), gates: new Float32Array() }
    const outputs = expertOutputs?.[3].mlp ?? new Float32Array()
    return [ids.slice(12, 16), gates.slice(12, 16), outputs.slice(12 * width, 16 * width)] as const
  })
  assert.equal([...own[0]], [...of[0]])
  sameBits(own[1], of[1], 'weights')
  sameBits(own[2], of[2], 'outputs')
  sameBits(changed.hidden[2], corrupt.hidden[2], 'the layer before')
  const last = (hidden: Float32Array) => hidden.slice(4 * width)
  assert.not.equal(last(changed.hidden[5]), last(corrupt.hidden[5]))

  // All experts of either prompt, one by one, are the mixture.
  const every = [...Array(24).keys()].map((expert) => ({ layer: 3, part: 'mlp', expert, replace: { prompt: CLEAN } }))
  const ids = model.tokenizer.encode(CLEAN)
  const whole = await readOf(model, [{ layer: 3, part: 'mlp', replace: { prompt: ids } }])
  const [one, other] = [
    await statesOf(model, CORRUPT, await readOf(model, every)),
    await statesOf(model, CORRUPT, whole),
  ]
  isNear(one.hidden[3], other.hidden[3], 1e-4, 'experts one by one')
})

test('a mean is over the tokens of a text, of an expert over the tokens that use it', async ({ model }) => {
  const { width } = model.config
  const { hidden, routes, expertOutputs } = await statesOf(model, PROSE)
  const meanOf = (rows: Float32Array[]) =>
    Float64Array.from({ length: width }, (_, i) => rows.reduce((sum, row) => sum + row[i], 0) / rows.length)
  const rowsOf = (all: Float32Array) =>
    Array.from({ length: all.length / width }, (_, row) => all.subarray(row * width, (row + 1) * width))
  const [outputs, ids] = [rowsOf(expertOutputs?.[2].attention ?? new Float32Array()), routes[2].attention?.ids ?? []]
  const expert = ids[0]
  const mean = { mean: 'prose.txt' }
  const found = await readOf(model, [
    { layer: 1, part: 'residual', replace: mean },
    { layer: 2, part: 'attention', expert, replace: mean },
    { layer: 2, part: 'attention', replace: mean, tokens: [4] },
  ])
  const expected = [rowsOf(hidden[1]), outputs.filter((_, i) => ids[i] === expert), outputs].map(meanOf)
  for (const [i, { replace = [] }] of found.entries()) isNear(replace as Float32Array, expected[i], 1e-5, `mean ${i}`)
})

test('tensors of a trace are put back, in the rows that are named', async ({ model }) => {
  const states = join(folder, 'states.safetensors')
  await writeStates(model, [{ name: 'clean', text: CLEAN }], states, { layers: [4], window: 64 })
  const { hidden } = await statesOf(model, CLEAN)
  const tensor = { tensor: 'hidden.4', file: 'states.safetensors' }
  const [all, two] = await readOf(model, [
    { layer: 4, part: 'residual', tokens: [0, 1, 2, 3, 4], replace: tensor },
    { layer: 4, part: 'residual', tokens: [9, 7], replace: { ...tensor, rows: [1, 3] } },
  ])
  sameBits(all.replace as Float32Array, hidden[4], 'all rows')
  const { width } = model.config
  const rows = [1, 3].map((row) => hidden[4].subarray(row * width, (row + 1) * width))
  assert.equal(inOneRow([two.replace as Float32Array]), inOneRow(rows))
})

test('files that are wrong are refused by name and entry', async ({ model }) => {
  const residual = { layer: 4, part: 'residual' }
  const wrong: [entry: unknown, message: RegExp][] = [
    [{ layer: 9, part: 'mlp', replace: 'zero' }, /interventions\.json: interventions\[1\]: "layer" must be/],
    [{ ...residual, replace: { file: 'a' } }, /interventions\[1\]: "replace" must be "zero", numbers, \{ "tensor"/],
    [{ ...residual, replace: { mean: 'none.txt' } }, /interventions\[1\]: .*none\.txt: no such file/],
    [{ ...residual, replace: { tensor: 'x', file: 'prose.txt' } }, /interventions\[1\]: .*prose\.txt: /],
    [{ ...residual, tokens: [5], replace: { prompt: CLEAN } }, /the prompt has 5 tokens, and so no token 5/],
    [
      { layer: 1, part: 'mlp', expert: 1, weights: [1], replace: { prompt: CLEAN } },
      /"prompt" brings its own routes and weights/,
    ],
    [{ layer: 1, part: 'mlp', expert: 99, replace: { prompt: CLEAN } }, /"expert" must be/],
  ]
  for (const [entry, message] of wrong) {
    await rejectsWithUserError(() => readOf(model, [{ ...residual, replace: 'zero' }, entry]), message)
  }
  await rejectsWithUserError(
    () => readOf(model, { replace: 'zero' }),
    /interventions\.json: interventions must be a list/,
  )
})

test.run()
