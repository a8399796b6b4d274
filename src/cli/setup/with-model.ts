import type { Model } from '../../api/model.js'
import type { KeptMask } from '../../chat/conversations/conversation-state.js'
import { type ExpertMask, withInterventions } from '../../model/config/expert-mask.js'
import { interruptSignal } from '../io/interrupt.js'
import { note, warner } from '../io/output.js'
import { maskFor, readMaskFiles } from '../parsing/mask-option.js'
import { loadOptions, type ModelOptions, modelName } from '../parsing/options.js'
import { packFirst } from './pack-first.js'

export interface TimedModel {
  model: Model
  loadMs: number
  /** Experts that are switched off. */
  mask?: ExpertMask
}

interface KeptOptions extends ModelOptions {
  /** Experts that are off in the conversation that is continued. A mask of the command line takes their place. */
  keptMask?: KeptMask
}

/** Loads the model of the options, switches its masked experts off, runs `use` with it, and disposes it. */
export async function withModel<T>(options: KeptOptions, use: (loaded: TimedModel) => Promise<T>): Promise<T> {
  const start = performance.now()
  const masks = await readMaskFiles(options)
  await packFirst(options.model, options)
  const { loadModel } = await import('../../library/load-model.js')
  const model = await loadModel(modelName(options.model), {
    ...loadOptions(options),
    onWarning: warner(options),
    signal: interruptSignal(),
  })
  try {
    const mask = maskFor(masks, model.config) ?? (await maskOfConversation(options, model))
    if (mask) await model.maskExperts(mask)
    if (options.intervene !== undefined) await intervene(model, options.intervene, mask)
    return await use({ model, loadMs: performance.now() - start, mask })
  } finally {
    await model.dispose()
  }
}

/** Adds the interventions of a file to the mask of all sequences. Its prompts and texts are read with the mask alone. */
async function intervene(model: Model, path: string, mask?: ExpertMask): Promise<void> {
  const { readInterventions } = await import('../../insight/interventions/read-interventions.js')
  const read = await readInterventions(model, path, interruptSignal())
  await model.maskExperts(withInterventions(mask, read))
}

/** The mask of a conversation that is continued, with a note about it. */
async function maskOfConversation({ keptMask, quiet }: KeptOptions, model: Model): Promise<ExpertMask | undefined> {
  if (!keptMask) return undefined
  const { readKeptMask } = await import('../../chat/conversations/kept-mask.js')
  const { mask, sentence } = readKeptMask(keptMask, model, '/unmask in molm chat -c')
  if (sentence !== undefined && !quiet) note(sentence)
  return mask
}
