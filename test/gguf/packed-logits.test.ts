import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { blueprintOf, parseConfig } from '#molm/architectures/index.js'
import { localFolder } from '#molm/checkpoint/checkpoint.js'
import { ggufBlueprint } from '#molm/gguf/blueprint.js'
import { ggufConfig } from '#molm/gguf/config.js'
import { ggufFormats } from '#molm/gguf/formats.js'
import { openGguf } from '#molm/gguf/gguf-file.js'
import type { Model } from '#molm/index.js'
import type { Quant } from '#molm/packing/format/formats.js'
import { planLayout } from '#molm/packing/format/layout.js'
import { packedFileName } from '#molm/packing/format/packed-folder.js'
import { packParts } from '#molm/packing/write/pack.js'
import { createPackedFile } from '#molm/packing/write/packed-file-writer.js'
import { isNear } from '../support/compare.js'
import { floatsOf, type StoredFloats } from '../support/expected.js'
import { fixturePath } from '../support/fixtures.js'
import { GGUF_FIXTURES } from '../support/gguf-tensors.js'
import { bankOf, pack } from '../support/kernel-bench.js'
import { withModel } from '../support/models.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { GATES, LOGITS } from '../support/tolerances.js'

const test = suite('models packed from GGUF files')

/** Results of the f32 path over the equal checkpoint, by prompt. */
interface Expected {
  prompts: Record<string, number[]>
  last_logits: Record<string, StoredFloats>
  all_logits: Record<string, StoredFloats>
  routing: Record<string, { mlp: { ids: number[][]; gates: number[][] } }[]>
  greedy: Record<string, { ids: number[] }>
}

function readExpected(folder: string): Expected {
  return JSON.parse(readFileSync(fixturePath(`gguf/${folder}/expected.json`), 'utf8'))
}

/** Packs a fixture into a folder of its own. */
async function packFixture(folder: string, dir: string, packing?: Quant): Promise<void> {
  const files = localFolder(fixturePath(`gguf/${folder}`))
  const file = await openGguf(files, (await files.list()).find((name) => name.endsWith('.gguf')) ?? '')
  const json = ggufConfig(file)
  const blueprint = ggufBlueprint(blueprintOf(parseConfig(json, folder)), file)
  const { quant, formats } = ggufFormats(blueprint, file, packing)
  const layout = planLayout(blueprint, formats)
  await writeFile(join(dir, 'config.json'), JSON.stringify(json))
  const packed = await createPackedFile(join(dir, packedFileName(quant)), layout, { quant, formats, source: folder })
  const bank = bankOf('relaxed')
  for await (const { part, bytes } of packParts(layout, file.tensors, async (request) => pack(bank, request))) {
    await packed.write(part, bytes)
  }
  await packed.finish()
  await file.close()
}

async function checkForward(model: Model, { prompts, last_logits, all_logits, routing }: Expected): Promise<void> {
  for (const [prompt, tokens] of Object.entries(prompts)) {
    const isAll = prompt in all_logits
    const options = { logits: isAll ? 'all' : 'last', routes: true } as const
    const { logits, routes = [] } = await model.createSession().forward(tokens, options)
    isNear(logits, floatsOf(isAll ? all_logits[prompt] : last_logits[prompt]), LOGITS, `${prompt}: logits`)
    for (const [layer, { mlp }] of routing[prompt].entries()) {
      assert.equal([...(routes[layer].mlp?.ids ?? [])], mlp.ids.flat(), `${prompt}: experts of layer ${layer}`)
      isNear(routes[layer].mlp?.gates ?? [], mlp.gates.flat(), GATES, `${prompt}: gates of layer ${layer}`)
    }
  }
}

async function checkGreedy(model: Model, { prompts, greedy }: Expected): Promise<void> {
  for (const [prompt, { ids }] of Object.entries(greedy)) {
    const options = { maxTokens: ids.length, temperature: 0, ignoreEos: true, stop: [] }
    const tokens: number[] = []
    for await (const { token } of model.createSession().generate(prompts[prompt], options)) tokens.push(token)
    assert.equal(tokens, ids, prompt)
  }
}

for (const folder of GGUF_FIXTURES) {
  test(`compute the logits of the same weights: ${folder}`, async () => {
    await inTemporaryFolder(async (dir) => {
      await packFixture(folder, dir, 'f32')
      const expected = readExpected(folder)
      await withModel(dir, { quant: 'f32', threads: 1 }, async (model) => {
        await checkForward(model, expected)
        await checkGreedy(model, expected)
      })
    })
  })
}

/** Root of the mean square of the differences, relative to that of the expected values. */
function relativeError(found: Float32Array, expected: Float32Array): number {
  const squares = expected.reduce((sum, value) => sum + value ** 2, 0)
  return Math.sqrt(expected.reduce((sum, value, i) => sum + (value - found[i]) ** 2, 0) / squares)
}

for (const folder of GGUF_FIXTURES) {
  // The matrices of attention are bfloat16 in gpt-oss, and a packing named q4 would round them.
  const packing = folder === 'gptoss-mxfp4' ? 'q8' : undefined
  test(`lose hardly more than activations do by their rounding: ${folder}`, async () => {
    await inTemporaryFolder(async (dir) => {
      await packFixture(folder, dir, packing)
      const { prompts, all_logits } = readExpected(folder)
      await withModel(dir, { threads: 1 }, async (model) => {
        const { logits } = await model.createSession().forward(prompts.p33, { logits: 'all' })
        // Measured: .069, .070, .048 and .029; in the packing q4 .30, .40, .076 and .34.
        const error = relativeError(logits, floatsOf(all_logits.p33))
        assert.ok(error < 0.072, `${error}`)
      })
    })
  })
}

test.run()
