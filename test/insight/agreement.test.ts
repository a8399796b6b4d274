import { mkdir, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ModelInfo } from '#molm/index.js'
import { compareRouting, meanAgreement } from '#molm/insight/usage/agreement.js'
import { originalExperts } from '#molm/lab/atlas/originals.js'
import { agreementCsv } from '#molm/lab/commands/experts/csv.js'
import { agreementObject } from '#molm/lab/commands/reports/agreement-report.js'
import { rejectsWithUserError } from '../support/rejects.js'
import { mixture, reader, routedText } from '../support/routed-text.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

const GATES = [0.6, 0.3]
/** A text of four tokens, with the experts that each chooses in both layers. */
function textOf(name: string, experts: number, ids: number[][], originals?: number[][]) {
  const model = reader([mixture('mlp', [experts, experts], 2)], ['a', 'b'], {
    name,
    originals: originals && { mlp: originals },
  })
  return routedText('text', model, [0, 1, 1, 0], (i) => ({ mlp: { ids: ids[i], gates: GATES } }))
}

const whole = textOf('whole', 4, [
  [0, 1],
  [2, 3],
  [3, 0],
  [1, 2],
])

test('a model agrees with itself in every measure', () => {
  const [{ layers }] = compareRouting(whole, whole).mixtures
  for (const { top1, overlap, missing } of layers) assert.equal([top1, overlap, missing], [1, 1, 0])
})

test('first experts are compared by rank, the others as sets', () => {
  const other = textOf('other', 4, [
    [1, 0],
    [2, 1],
    [3, 0],
    [0, 3],
  ])
  const { mixtures, perToken } = compareRouting(other, whole)
  const [layer] = mixtures[0].layers
  assert.equal([...perToken], [1, 0.5, 1, 0], 'per token, over its layers')
  assert.is(layer.top1, 2 / 4)
  assert.is(layer.overlap, (1 + 0.5 + 1 + 0) / 4)
  assert.equal([...layer.chosen], [2, 2, 2, 2])
  assert.equal([...layer.kept], [2, 1, 1, 1])
})

test('experts of a pruned model keep their former numbers, and those it lacks are missing', () => {
  const pruned = textOf(
    'pruned',
    2,
    [
      [0, 1],
      [1, 0],
      [1, 0],
      [0, 1],
    ],
    [
      [0, 3],
      [1, 2],
    ],
  )
  const agreement = compareRouting(pruned, whole)
  const [first, second] = agreement.mixtures[0].layers
  assert.is(first.experts, 4)
  assert.is(first.top1, 2 / 4)
  assert.is(first.overlap, (0.5 + 0.5 + 1 + 0) / 4)
  assert.is(first.missing, 4 / 8)
  assert.equal(first.has.model, [true, false, false, true])
  assert.equal([...first.kept], [2, 0, 0, 2])
  assert.is(second.top1, 2 / 4)
  assert.is(meanAgreement(agreement, 'mlp').missing, 0.5)
  assert.equal(agreementObject(agreement).experts, {
    mlp: [
      [1, null, null, 1],
      [null, 1, 1, null],
    ],
  })
  const rows = [...agreementCsv([agreement])].join('').split('\n')
  assert.is(rows[0], 'text_name,model,against,layer,kind,tokens,top1,overlap,missing')
  assert.is(rows[1], 'text,pruned,whole,0,mlp,4,0.5,0.5,0.5')
})

test('models with other tokens or other kinds of experts cannot be compared', () => {
  const longer = routedText('text', whole.model, [0, 1], () => ({ mlp: { ids: [0, 1], gates: GATES } }))
  assert.throws(() => compareRouting(longer, whole), /have other tokens, so their routing cannot be compared/)
  const dense = reader([mixture('mlp', [0, 4], 2)], ['a'], { name: 'dense' })
  const without = routedText('text', dense, [0, 1, 1, 0], () => ({ mlp: { ids: [0, 1], gates: GATES } }))
  assert.throws(() => compareRouting(without, whole), /do not have experts of the same kinds in the same layers/)
})

test('selection.json next to a packed model lists the experts that it kept', () =>
  inTemporaryFolder(async (dir) => {
    const config = { mixtures: [mixture('mlp', [2, 1], 1)] }
    const info = { kind: 'packed', path: join(dir, 'model.q4.safetensors'), config } as unknown as ModelInfo
    assert.is(await originalExperts(info), undefined)
    const say = (mlp: unknown) => writeFile(join(dir, 'selection.json'), JSON.stringify({ model: 'whole', mlp }))
    await say([[1, 3], [0]])
    assert.equal(await originalExperts(info), { mlp: [[1, 3], [0]] })
    assert.is(await originalExperts({ ...info, kind: 'checkpoint' }), undefined)
    for (const wrong of [undefined, [[1, 3]], [[1], [0]], [[1, 1], [0]], [[1, -3], [0]], [[1, 1e9], [0]]]) {
      await say(wrong)
      await rejectsWithUserError(() => originalExperts(info), /selection\.json: does not list the mlp experts/)
    }
  }))

test('selection.json is refused before it is read, if it is too long or not a file', () =>
  inTemporaryFolder(async (dir) => {
    const info = { kind: 'packed', path: join(dir, 'm.molm'), config: { mixtures: [] } } as unknown as ModelInfo
    const path = join(dir, 'selection.json')
    await writeFile(path, '{}')
    assert.equal(await originalExperts(info), {})
    await truncate(path, 2 ** 25 + 1)
    await rejectsWithUserError(
      () => originalExperts(info),
      /selection\.json: 33554433 bytes are too many for such a file/,
    )
    await rm(path)
    await mkdir(path)
    await rejectsWithUserError(() => originalExperts(info), /selection\.json: this is not a file/)
  }))

test.run()
