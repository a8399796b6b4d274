import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { loadWeights } from '#molm/engine/run/load.js'
import { unpackRoutes } from '#molm/engine/run/messages/route-codec.js'
import { Sequence } from '#molm/engine/run/sequences/sequence.js'
import { convertModel, type LayerRoutes, type Model } from '#molm/index.js'
import type { TracedText } from '#molm/insight/traces/traced-text.js'
import { chooseKernels } from '#molm/kernels/tiers/choose-kernels.js'
import { replay } from '#molm/lab/traces/replay.js'
import { preparedModel } from '#molm/library/finding/resolve-model.js'
import { layoutOf } from '#molm/model/families/index.js'
import { leastBudget } from '#molm/model/weights/bank-plan.js'
import { repositoryPath } from '../../support/fixtures.js'
import { withModel } from '../../support/models.js'
import { integers } from '../../support/random.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { runTask } from '../../support/run-task.js'

const test = suite<{ dir: string; nano: string }>('replay of traces', { dir: '', nano: '' })

test.before(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), 'molm-replay-'))
  context.nano = join(context.dir, 'nano')
  await convertModel(repositoryPath('models/nano'), context.nano, { threads: 2 })
})

test.after(({ dir }) => rm(dir, { recursive: true, force: true }))

/** A text whose prompt and steps have the given routes, as the engine reports them. */
function traced(prompt: { routes: LayerRoutes[]; tokens: number }, steps: LayerRoutes[][]): TracedText {
  const layers = prompt.routes.flatMap((routes, layer) =>
    (['attention', 'mlp'] as const).flatMap((kind) => {
      const own = routes[kind]
      if (!own) return []
      const ids = [...own.ids, ...steps.flatMap((step) => [...(step[layer][kind]?.ids ?? [])])]
      return [{ kind, layer, k: own.ids.length / prompt.tokens, ids: Int32Array.from(ids) }]
    }),
  )
  const length = prompt.tokens + steps.length
  // A replay does not look at ids of tokens.
  return { length, prompt: prompt.tokens, tokens: new Array(length).fill(0), layers }
}

/** Generates after a prompt, and returns the trace of all of it. */
async function generate(model: Model, prompt: ArrayLike<number>, maxTokens: number): Promise<TracedText> {
  const read: { routes: LayerRoutes[]; tokens: number }[] = []
  const steps: LayerRoutes[][] = []
  const session = model.createSession()
  const generation = session.generate(prompt, {
    temperature: 1,
    seed: 1,
    maxTokens,
    ignoreEos: true,
    stop: [],
    routes: true,
    onPromptRoutes: (routes, tokens) => read.push({ routes, tokens }),
  })
  for await (const { routes = [] } of generation) steps.push(routes)
  session.dispose()
  return traced(read[0], steps)
}

test('has the hits of the engine, on nano within several limits of memory', async ({ nano }) => {
  const { config, formats } = await preparedModel(nano)
  const layout = layoutOf(config, formats)
  const least = leastBudget(layout)
  for (const share of [0, 0.4]) {
    const memory = Math.round(least + share * (layout.bytes - least))
    await withModel(nano, { threads: 1, memory }, async (model) => {
      const texts: TracedText[] = []
      for (const [seed, length] of [
        [1, 120],
        [2, 7],
      ]) {
        texts.push(await generate(model, integers(length, seed, 4000), 20))
      }
      const { expertHits, expertMisses } = await model.stats()
      const [{ hits, misses }] = replay(texts, layout, [memory])
      assert.equal([hits, misses], [expertHits, expertMisses], `${memory} bytes`)
    })
  }
})

test('has the hits of the engine in several banks', async ({ nano }) => {
  const { config, formats, path, kind } = await preparedModel(nano)
  const layout = layoutOf(config, formats)
  const bankBytes = Math.ceil(layout.bytes / 3)
  const memory = Math.round(leastBudget(layout, bankBytes) * 1.3)
  const source = { config, formats, path, kind, memory, memoryIsGiven: true, free: Number.MAX_SAFE_INTEGER }
  const { model, store, pool, close } = await loadWeights(source, chooseKernels().bank, 1, bankBytes)
  try {
    const sequence = new Sequence(model)
    const run = (tokens: Int32Array): LayerRoutes[] => {
      const wanted = { logits: 'none', routes: true, hidden: false, probabilities: false } as const
      const request = { kind: 'forward', session: 0, tokens, ...wanted } as const
      const { routes } = runTask(model, sequence.forward(request, new Int32Array(1)))
      assert.ok(routes)
      return unpackRoutes(routes, config, tokens.length)
    }
    const tokens = Int32Array.from(integers(330, 5, 4000))
    const routes = run(tokens.slice(0, 300))
    const steps = Array.from({ length: 30 }, (_, i) => run(tokens.slice(300 + i, 301 + i)))
    const { hits, misses } = store.stats()
    const [replayed] = replay([traced({ routes, tokens: 300 }, steps)], layout, [memory], bankBytes)
    assert.ok(store.banks.length > 1, `${store.banks.length} banks`)
    assert.equal([replayed.hits, replayed.misses], [hits, misses])
  } finally {
    await pool.close()
    close()
  }
})

test('a limit that is too little for the model is refused', async ({ nano }) => {
  const { config, formats } = await preparedModel(nano)
  const layout = layoutOf(config, formats)
  await rejectsWithUserError(() => replay([], layout, [1e6]), /`memory` 1MB is too little for this model: it needs /)
})

test.run()
