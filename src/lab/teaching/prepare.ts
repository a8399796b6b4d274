import { resolve } from 'node:path'
import type { Model } from '../../api/model.js'
import { UserError } from '../../ground/errors.js'
import { formatBytes } from '../../ground/numbers.js'
import { useModel } from '../../insight/texts/reading.js'
import type { FoundModel } from '../../library/files/found-model.js'
import { resolveModel } from '../../library/finding/resolve-model.js'
import { loadModel } from '../../library/load-model.js'
import { diskNeeds } from '../../library/machine/disk.js'
import { type PackedModel, withPackedModel } from '../surgery/packed-model.js'
import type { Dataset } from './datasets.js'
import { fingerprint, type Journal, journalPath, readJournal } from './journal.js'
import { PHASES, type PhaseClock } from './phase-clock.js'
import { checkTeachable, planRun, type RunPlan, readTexts } from './run-plan.js'
import { makeBatch, Sampler } from './samplers.js'
import type { TeachingPlan } from './teach-events.js'
import { checkTeachOptions, type Settings, settingsOf, type TeachOptions } from './teach-options.js'
import { stepSizes } from './training-run.js'

export interface Prepared extends RunPlan {
  packed: PackedModel
  model: Model
  key: string
  journal?: Journal
}

/** Opens the model as a packed one, reads the journal of a resumed training, and plans the run. */
export async function withPrepared<T>(
  name: string,
  options: TeachOptions,
  clock: PhaseClock,
  use: (prepared: Prepared) => Promise<T>,
): Promise<T> {
  const { out, threads, signal } = options
  // Fails before a checkpoint is packed in vain.
  const { config } = await resolveModel(name, options.quant)
  checkTeachable(name, config)
  const wanted = settingsOf(options, config)
  clock.begin('opening the model')
  return withPackedModel(name, out, options, async (packed, found: FoundModel) => {
    const loaded = await loadModel(found.path, { threads, signal, expertsPerToken: 'trained' })
    return useModel(loaded, async (model) => {
      clock.begin('reading the texts')
      const texts = await readTexts(model, wanted, options)
      const key = keyOf(texts.settings, packed, options)
      const journal = options.resume ? await readJournal(journalPath(out), key) : undefined
      if (!journal) clock.begin(PHASES.replay)
      const run = await planRun(model, texts, options, { earlier: journal?.replay })
      await checkDisk(out, packed, run.plan.parameters)
      return use({ ...run, packed, model, key, journal })
    })
  })
}

/** Key of the journal; `forget` may change when a training is resumed. */
function keyOf({ forget: _, ...decisive }: Settings, { file }: PackedModel, options: TeachOptions): string {
  const { texts, keepTexts = [] } = options
  return fingerprint(
    { ...decisive, model: [...file.parts].map(([part, { sha256 }]) => [part, sha256]) },
    texts.map(({ text }) => text),
    keepTexts.map(({ text }) => text),
  )
}

/** Rejects with a UserError if the disk has no room for the model and the journal, which is written twice. */
async function checkDisk(out: string, packed: PackedModel, parameters: number): Promise<void> {
  const journal = 2 * 4 * 4 * parameters
  const bytes = packed.layout.bytes + 4 * parameters + journal
  const [{ folder, free }] = await diskNeeds([{ folder: resolve(out), bytes }])
  if (bytes <= free) return
  throw new UserError(`teaching needs ${formatBytes(bytes)} of disk in ${folder}, and ${formatBytes(free)} are free`)
}

export interface MeasuredPlan extends TeachingPlan {
  tokensPerSecond: number
  secondsPerEpoch: number
}

/** Plans a teaching and measures the speed of a step. Writes and keeps nothing. Rejects as `teach` does. */
export async function planTeaching(name: string, options: Omit<TeachOptions, 'out' | 'resume'>): Promise<MeasuredPlan> {
  checkTeachOptions({ ...options, out: '.' })
  const { quant, threads, signal, onEvent } = options
  return useModel(await loadModel(name, { quant, threads, signal, expertsPerToken: 'trained' }), async (model) => {
    checkTeachable(model.name, model.config)
    const texts = await readTexts(model, settingsOf(options, model.config), options)
    onEvent?.({ kind: 'phase', phase: PHASES.replay })
    const { setup, plan, initialWeights } = await planRun(model, texts, options, { forOneStep: true })
    onEvent?.({ kind: 'phase', phase: 'measuring a step' })
    await model.training.begin(setup.plan, await initialWeights())
    const { settings } = setup
    const sizes = stepSizes(settings)
    const draw = (datasets: readonly Dataset[], count: number) => new Sampler([datasets], 0).draw(count)
    const batch = makeBatch(draw(setup.datasets, sizes.newText), draw(setup.retained, sizes.replay))
    const step = () => model.training.step(batch, { learningRate: 0 }, { balance: settings.balance, signal })
    // The first step also reads experts from the disk.
    await step()
    const start = performance.now()
    const { tokens } = await step()
    const seconds = (performance.now() - start) / 1000
    return { ...plan, tokensPerSecond: tokens / seconds, secondsPerEpoch: plan.stepsPerEpoch * seconds }
  })
}
