import { loadModel } from '../library/load-model.js'
import { batchOf, Deck, Decks, type Lesson } from './lessons.js'
import { checkTeachable, layOut, readSource } from './outline.js'
import { PHASES } from './phase-clock.js'
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
    const source = await readSource(own, settingsOf(options, own.config), options)
    onEvent?.({ kind: 'phase', phase: PHASES.rehearsal })
    const { course, plan, sizes, first } = await layOut(own, source, options, { forOneStep: true })
    onEvent?.({ kind: 'phase', phase: 'measuring a step' })
    await own.training.begin(course.plan, await first())
    const draw = (lessons: readonly Lesson[], count: number) => new Decks([Deck.of(lessons, 0)]).draw(count)
    const batch = batchOf(draw(course.lessons, sizes.learn), draw(course.keep, sizes.keep))
    const { steering } = course.settings
    const step = () => own.training.step(batch, { learningRate: 0 }, { steering, signal })
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
