import { useModel } from '../evaluation/reading.js'
import { loadModel } from '../library/load-model.js'
import type { Dataset } from './datasets.js'
import { PHASES } from './phase-clock.js'
import { checkTeachable, planRun, readTexts } from './run-plan.js'
import { makeBatch, Sampler } from './samplers.js'
import type { TeachingPlan } from './teach-events.js'
import { checkTeachOptions, settingsOf, type TeachOptions } from './teach-options.js'

/** A plan with the measured speed of a step. */
export interface MeasuredPlan extends TeachingPlan {
  tokensPerSecond: number
  secondsPerEpoch: number
}

/**
 * Plans a teaching and measures the speed of a step, whose result is thrown away. Writes nothing. Rejects as `teach`
 * does.
 */
export async function planTeaching(name: string, options: Omit<TeachOptions, 'out' | 'resume'>): Promise<MeasuredPlan> {
  checkTeachOptions({ ...options, out: '.' })
  const { quant, threads, signal, onEvent } = options
  return useModel(await loadModel(name, { quant, threads, signal, expertsPerToken: 'trained' }), async (model) => {
    checkTeachable(model.name, model.config)
    const texts = await readTexts(model, settingsOf(options, model.config), options)
    onEvent?.({ kind: 'phase', phase: PHASES.replay })
    const { setup, plan, sizes, initialWeights } = await planRun(model, texts, options, { forOneStep: true })
    onEvent?.({ kind: 'phase', phase: 'measuring a step' })
    await model.training.begin(setup.plan, await initialWeights())
    const draw = (datasets: readonly Dataset[], count: number) => new Sampler([datasets], 0).draw(count)
    const batch = makeBatch(draw(setup.datasets, sizes.newText), draw(setup.retained, sizes.replay))
    const { steering } = setup.settings
    const step = () => model.training.step(batch, { learningRate: 0 }, { steering, signal })
    // The first step also reads experts from the disk.
    await step()
    const start = performance.now()
    const { tokens } = await step()
    const seconds = (performance.now() - start) / 1000
    return { ...plan, tokensPerSecond: tokens / seconds, secondsPerEpoch: plan.stepsPerEpoch * seconds }
  })
}
