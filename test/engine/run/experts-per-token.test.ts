import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { convertModel, type ExpertsPerToken } from '#molm/index.js'
import { leastBudget } from '#molm/model/weights/bank-plan.js'
import { sameBits } from '../../support/compare.js'
import { each } from '../../support/each.js'
import { fixturePath } from '../../support/fixtures.js'
import { forwardHere, lastLogits, logitsInPieces } from '../../support/forward-here.js'
import { withLoaded } from '../../support/loaded-model.js'
import { suiteWithModel, withModel } from '../../support/models.js'
import { integers } from '../../support/random.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

const test = suiteWithModel('experts per token')

/** Every family's way from scores to gates, by the keys of its config.json. */
const FAMILIES: Record<string, { keys: string[]; numbers: number[] }> = {
  '03-topk4-safetensors-bf16-sharded': { keys: ['k_att', 'k_mlp'], numbers: [1, 5] },
  '101-ernie45moe-f32': { keys: ['moe_k'], numbers: [2, 8] },
  '112-deepseekv2-bf16-sharded': { keys: ['num_experts_per_tok'], numbers: [1, 4] },
  '121-deepseekv3-f32': { keys: ['num_experts_per_tok'], numbers: [1, 4] },
  '131-glm4moe-f32': { keys: ['num_experts_per_tok'], numbers: [1, 5] },
  '141-emo-f32': { keys: ['num_experts_per_tok'], numbers: [2] },
  '151-smallthinker-f32': { keys: ['moe_num_active_primary_experts'], numbers: [1, 6] },
  '172-gemma4-text-bf16-sharded': { keys: ['top_k_experts'], numbers: [1, 5] },
  '181-afmoe-f32': { keys: ['num_experts_per_tok'], numbers: [1, 5] },
  '202-mellum-bf16-sharded': { keys: ['num_experts_per_tok'], numbers: [1] },
  '211-ling3-f32': { keys: ['num_experts_per_tok'], numbers: [2, 5] },
  '217-kimilinear-bf16-sharded': { keys: ['num_experts_per_token'], numbers: [1, 3] },
  '222-ling2-bf16-sharded': { keys: ['num_experts_per_tok'], numbers: [2, 5] },
  '23-granitemoeshared-f16': { keys: ['num_experts_per_tok'], numbers: [2] },
  '232-granitemoeswa-bf16-sharded': { keys: ['num_experts_per_tok'], numbers: [1] },
  '31-olmoe-f32': { keys: ['num_experts_per_tok'], numbers: [1] },
  '46-qwen2moe-bf16-sharded': { keys: ['num_experts_per_tok'], numbers: [3] },
  '61-jetmoe-f32': { keys: ['num_experts_per_tok'], numbers: [3] },
  '71-gptoss-bf16-sharded': { keys: ['num_experts_per_tok'], numbers: [1] },
  '81-lfm2moe-f32': { keys: ['num_experts_per_tok'], numbers: [3] },
  '91-granitehybrid-f32': { keys: ['num_experts_per_tok'], numbers: [3] },
  '191-qwen3next-f32': { keys: ['num_experts_per_tok'], numbers: [2] },
}

for (const [fixture, { keys, numbers }] of Object.entries(FAMILIES)) {
  test(`${fixture}: the same bits as with another number in config.json`, () =>
    inTemporaryFolder(async (folder) => {
      const tokens = integers(30, 5, 200)
      await cp(fixturePath(fixture), folder, { recursive: true })
      const path = join(folder, 'config.json')
      const json = JSON.parse(await readFile(path, 'utf8'))
      for (const number of numbers) {
        const changed = { ...json, ...Object.fromEntries(keys.map((key) => [key, number])) }
        await writeFile(path, JSON.stringify(changed))
        const wanted = await forwardHere(folder, tokens)
        const found = await forwardHere(fixturePath(fixture), tokens, { expertsPerToken: number })
        sameBits(found.logits, wanted.logits, `${number} experts per token`)
        assert.equal(found.routes, wanted.routes)
      }
    }))
}

test('the number may change between texts', async () => {
  const path = fixturePath('61-jetmoe-f32')
  const expertsPerToken = { attention: [2, 1, 2], mlp: [1, 2, 1] }
  const tokens = integers(40, 9, 200)
  const whole = await withLoaded(path, { expertsPerToken }, ({ model }) => logitsInPieces(model, tokens, [40]))
  await withLoaded(path, { threads: 2, tier: 'plain' }, ({ model }) => {
    const full = logitsInPieces(model, tokens, [40])
    model.setExpertsPerToken(expertsPerToken)
    sameBits(logitsInPieces(model, tokens, [7, 1, 1, 31]), whole, 'in pieces')
    model.setExpertsPerToken()
    sameBits(logitsInPieces(model, tokens, [40]), full, 'with all experts again')
    model.setExpertsPerToken(expertsPerToken)
    sameBits(logitsInPieces(model, tokens, new Array<number>(40).fill(1)), whole, 'token by token')
  })
})

test('texts that run at once have the same tokens as alone', async ({ model }) => {
  await model.setExpertsPerToken({ attention: 1, mlp: [4, 3, 1, 2, 1, 2] })
  const textOf = async (prompt: string) => {
    const session = model.createSession()
    const tokens: number[] = []
    const options = { maxTokens: 8, temperature: 1, seed: 4, ignoreEos: true, stop: [], routes: true as const }
    for await (const { token, routes } of session.generate(prompt, options)) {
      tokens.push(token)
      assert.equal(
        routes?.map(({ mlp }) => mlp?.ids.length),
        [4, 3, 1, 2, 1, 2],
      )
    }
    session.dispose()
    return tokens
  }
  const prompts = ['Once upon a time', 'def main():', 'Dear']
  const alone = []
  for (const prompt of prompts) alone.push(await textOf(prompt))
  assert.equal(await Promise.all(prompts.map(textOf)), alone)
  await model.setExpertsPerToken()
})

test('fewer experts are read from the file', () =>
  inTemporaryFolder(async (folder) => {
    const out = join(folder, 'packed')
    await convertModel(fixturePath('31-olmoe-f32'), out)
    const tokens = integers(20, 3, 200)
    const usesOf = (expertsPerToken?: ExpertsPerToken) =>
      withLoaded(out, { expertsPerToken }, ({ model, store, layout }) => {
        assert.ok(leastBudget(layout) > 0)
        lastLogits(model, tokens, new Array<number>(tokens.length).fill(1))
        const { hits, misses } = store.stats()
        return hits + misses
      })
    const layers = await withLoaded(out, {}, ({ model }) => model.config.layers)
    const [one, ...others] = Array.from({ length: layers }, (_, layer) => (layer === 0 ? 1 : 2))
    assert.is(await usesOf([one, ...others]), tokens.length * (1 + 2 * (layers - 1)))
  }))

test('the description of a model changes with the number of its experts', async ({ model }) => {
  const { activeBytes, activeParameters } = model.info
  await model.setExpertsPerToken(1)
  assert.ok(model.info.activeBytes < activeBytes && model.info.activeParameters < activeParameters)
  assert.equal(each(model.config.mixtures, 'used'), [new Array(6).fill(1), new Array(6).fill(1)])
  await model.setExpertsPerToken()
  assert.is(model.info.activeBytes, activeBytes)
})

test('numbers that a model cannot have are refused by name', async () => {
  const refused: [ExpertsPerToken, RegExp][] = [
    [0, /^`expertsPerToken` must be a whole number from 1 on, not 0$/],
    [9, /^`expertsPerToken` is 9, but layer 0 has 8 attention experts$/],
    [1.5, /must be a whole number from 1 on, not 1.5/],
    [[1, 2], /^`expertsPerToken` has 2 numbers of attention experts for 6 layers$/],
    [{ mlp: [4, 4, 4, 25, 4, 4] }, /^`expertsPerToken` is 25, but layer 3 has 24 mlp experts$/],
    ['2' as never, /^`expertsPerToken` must be a number, a list with one for each layer, or an object/],
    [{ moe: 2 } as never, /an object with 'moe'$/],
  ]
  for (const [expertsPerToken, message] of refused) {
    await rejectsWithUserError(() => withModel('nano', { threads: 1, expertsPerToken }, () => undefined), message)
  }
  const attention = { threads: 1, expertsPerToken: { attention: 1 } }
  await rejectsWithUserError(() => withModel(fixturePath('31-olmoe-f32'), attention, () => undefined), /no attention/)
})

test('a running session keeps its number, and a loaded model cannot exceed its buffers', async ({ model }) => {
  await rejectsWithUserError(() => model.setExpertsPerToken({ mlp: 5 }), /was loaded for at most 4 mlp experts/)
  const session = model.createSession()
  const text = session.generate('Once', { maxTokens: 1000, ignoreEos: true, stop: [] })
  await text.next()
  await rejectsWithUserError(() => model.setExpertsPerToken(1), /cannot change while a session runs/)
  await text.return(undefined as never)
  await model.setExpertsPerToken(1)
  await model.setExpertsPerToken()
})

test('a mask may leave as many experts as a token uses', async ({ model }) => {
  const tokens = model.tokenizer.encode('Once upon a time')
  const left = [3, 17]
  const out = Array.from({ length: 24 }, (_, id) => id).filter((id) => !left.includes(id))
  const mask = { mlp: Array.from({ length: 6 }, () => out), gates: 'kept' } as const
  await rejectsWithUserError(() => model.maskExperts(mask), /would have 2 mlp experts left, but a token uses 4$/)
  await model.setExpertsPerToken({ mlp: 2 })
  await model.maskExperts(mask)
  const { routes } = await model.createSession().forward(tokens, { logits: 'none', routes: true })
  for (const { mlp } of routes) assert.equal([...new Set(mlp?.ids)].sort(), [17, 3])
  await rejectsWithUserError(() => model.setExpertsPerToken(), /would have 2 mlp experts left, but a token uses 4$/)
  assert.equal(model.config.mixtures[1].used, new Array(6).fill(2))
  await model.maskExperts()
  await model.setExpertsPerToken()
})

test.run()
