import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { layoutOf } from '#molm/architectures/index.js'
import { loadWeights } from '#molm/engine/load.js'
import type { ModelSource } from '#molm/engine/protocol.js'
import { Sequence } from '#molm/engine/sequence.js'
import { preparedModel } from '#molm/library/prepared-model.js'
import { chooseKernels } from '#molm/runtime/tiers/choose-kernels.js'
import { planBanks } from '#molm/weights/bank-plan.js'
import { sameBits } from '../support/compare.js'
import { integers } from '../support/random.js'
import { runTask } from '../support/run-task.js'

/*
 * A memory ends at 4 GiB, so larger models need several. With a smaller limit for a memory, the same code divides nano.
 */
const test = suite('banks')
const TOKENS = integers(300, 22, 4000)

async function sourceOf(path: string, memory?: number): Promise<ModelSource> {
  const { config, formats, path: file, kind } = await preparedModel(path)
  return {
    config,
    formats,
    path: file,
    kind,
    memory: memory ?? Number.MAX_SAFE_INTEGER,
    memoryIsGiven: memory !== undefined,
    free: Number.MAX_SAFE_INTEGER,
  }
}

/** Logits after a prompt in two pieces, the first longer than a batch, and then after one more token. */
async function run(source: ModelSource, threads: number, bankBytes?: number) {
  const { model, store, pool, close } = await loadWeights(source, chooseKernels().bank, threads, bankBytes)
  try {
    const sequence = new Sequence(model)
    const logits: Float32Array[] = []
    for (const [from, to] of [
      [0, 290],
      [290, 299],
      [299, 300],
    ]) {
      const tokens = Int32Array.from(TOKENS.slice(from, to))
      const request = {
        kind: 'forward',
        session: 0,
        tokens,
        logits: 'last',
        routes: true,
        hidden: true,
        probabilities: false,
      } as const
      logits.push(runTask(model, sequence.forward(request, new Int32Array(1))).logits)
    }
    sequence.release()
    return { logits, banks: store.banks.length, weightsBytes: store.stats().weightsBytes }
  } finally {
    await pool.close()
    close()
  }
}

test('several banks give the same bits as one', async () => {
  const source = await sourceOf('nano')
  const one = await run(source, 1)
  assert.is(one.banks, 1)
  const layout = layoutOf(source.config, source.formats)
  for (const [threads, share] of [
    [1, 2.2],
    [3, 5],
  ]) {
    const several = await run(source, threads, layout.bytes / share)
    assert.ok(several.banks >= 2, `${several.banks} banks`)
    for (const [i, logits] of several.logits.entries()) sameBits(logits, one.logits[i], `${several.banks} banks`)
  }
})

test('a plan keeps to its budget and to the size of a bank', async () => {
  const { config, formats } = await sourceOf('nano')
  const layout = layoutOf(config, formats)
  for (const bankBytes of [layout.bytes / 4, layout.bytes / 2, undefined]) {
    for (let budget = 0; budget <= layout.bytes; budget += 40_000) {
      const { slots, bytes, bankOfLayer } = planBanks(layout, budget, bankBytes)
      const isLeast = slots.every(({ attention, mlp }) => attention?.slots === 8 && mlp?.slots === 24)
      assert.ok(bytes <= budget || isLeast, `${bytes} of ${budget}`)
      assert.ok(slots.every(({ attention, mlp }) => attention && mlp && attention.slots >= 8 && mlp.slots >= 24))
      assert.equal(bankOfLayer, [...bankOfLayer].sort())
      assert.is(bankOfLayer.at(-1), slots.length - 1)
    }
    assert.is(planBanks(layout, Number.POSITIVE_INFINITY, bankBytes).bytes, layout.bytes)
  }
})

test.run()
