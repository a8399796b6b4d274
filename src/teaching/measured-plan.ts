import { loadModel } from '../library/load-model.js'
import type { Lesson } from './lessons.js'
import { checkTeachable, layOut } from './outline.js'
import type { TeachingPlan } from './teach-events.js'
import { checkTeachOptions, settingsOf, type TeachOptions } from './teach-options.js'

/** A plan, with the speed of a step. */
export interface MeasuredPlan extends TeachingPlan {
  tokensPerSecond: number
  secondsPerEpoch: number
}

/** What teaching would take: the plan, and the speed of a step that is thrown away. Writes nothing. Rejects as `teach` does. */
export async function planTeaching(name: string, options: Omit<TeachOptions, 'out' | 'resume'>): Promise<MeasuredPlan> {
  checkTeachOptions({ ...options, out: '.' })
  const { quant, threads, signal, onEvent } = options
  const own = await loadModel(name, { quant, threads, signal })
  try {
    checkTeachable(own.name, own.config)
    const { course, plan, sizes, keep, first } = await layOut(own, settingsOf(options, own.config), options)
    onEvent?.({ kind: 'phase', phase: 'measuring a step' })
    await own.training.begin(course.plan, await first())
    const take = (lessons: readonly Lesson[], count: number) => lessons.flatMap(({ train }) => train).slice(0, count)
    const sequences = [...take(course.lessons, sizes.learn), ...take(keep, sizes.keep)]
    const kept = sequences.map((_, i) => i >= sizes.learn)
    const { steering } = course.settings
    const step = () => own.training.step({ sequences, kept }, { learningRate: 0 }, { steering, signal })
    // The first reads experts that have not been there.
    await step()
    const start = performance.now()
    const { tokens } = await step()
    const seconds = (performance.now() - start) / 1000
    return { ...plan, tokensPerSecond: tokens / seconds, secondsPerEpoch: plan.stepsPerEpoch * seconds }
  } finally {
    await own.dispose()
  }
}
