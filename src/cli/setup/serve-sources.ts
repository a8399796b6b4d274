import type { Model } from '../../api/model.js'
import { UsageError } from '../../ground/errors.js'
import { formatSize, plural } from '../../ground/numbers.js'
import { printable } from '../../ground/printable.js'
import { loadAtlas } from '../../insight/atlas/load-atlas.js'
import type { ModelOutline } from '../../library/describe-model.js'
import type { LoadedSource, ModelSource } from '../../server/models/source.js'
import { interruptSignal } from '../io/interrupt.js'
import { warner } from '../io/output.js'
import { readConversation } from '../parsing/conversation-options.js'
import { defaults } from '../parsing/defaults.js'
import { type GivenMask, maskFor, readMaskFiles } from '../parsing/mask-option.js'
import { loadOptions, type ModelOptions, modelName } from '../parsing/options.js'
import { packFirst } from './pack-first.js'

/** Models of a server, and how to load them. */
export interface SourceOptions extends Omit<ModelOptions, 'model'> {
  model?: string[]
  alias?: string[]
  atlas?: string
}

/** Finds the models of the options, without loading any. Several are described, a single one when it is loaded. */
export async function modelSources(options: SourceOptions): Promise<ModelSource[]> {
  const names = options.model ?? [modelName(undefined)]
  checkTogether(names, options)
  const masks = await readMaskFiles(options)
  const outlines = names.length > 1 ? await outlined(names, options) : []
  return names.map((name, i) => ({
    alias: options.alias?.[i],
    outline: outlines[i],
    load: ({ memory = options.memory, signal }) => load(name, { ...options, memory }, masks, signal),
  }))
}

function checkTogether(names: readonly string[], { alias, mask, steer, atlas }: SourceOptions): void {
  for (const name of alias ?? []) {
    if (printable(name, Infinity) === name) continue
    throw new UsageError(`--alias has characters that cannot be printed: ${printable(name)}`)
  }
  if (alias && alias.length !== names.length) {
    const given = `${plural(names.length, 'model')} and ${alias.length} --alias`
    throw new UsageError(`${given}: give each model one, in the order of the models`)
  }
  if (names.length === 1) return
  if (mask ?? steer) {
    const option = mask ? '--mask' : '--steer'
    throw new UsageError(`${option} is for a single model; with several, send a "mask" with the request`)
  }
  if (atlas !== undefined) {
    throw new UsageError('--atlas is for a single model; with several, atlas.json beside each model is read')
  }
}

async function outlined(
  names: readonly string[],
  { memory, quiet, ...options }: SourceOptions,
): Promise<ModelOutline[]> {
  for (const name of names) await packFirst(name, { ...options, quiet })
  const { outlineModel } = await import('../../library/describe-model.js')
  const outlines = await Promise.all(names.map((name) => outlineModel(name, options)))
  for (const { name, info } of outlines.slice(1)) {
    if (memory === undefined || info.leastBytes <= memory) continue
    const needs = `${printable(name)} needs at least ${formatSize(info.leastBytes)}`
    warner({ quiet })(`${needs}; with --memory ${formatSize(memory)} requests for it will fail`)
  }
  return outlines
}

async function load(
  name: string,
  options: SourceOptions,
  masks: readonly GivenMask[],
  signal: AbortSignal,
): Promise<LoadedSource> {
  const warn = warner(options)
  const { loadModel } = await import('../../library/load-model.js')
  const either = new AbortController()
  const signals = [signal, interruptSignal()]
  const abort = () => either.abort(signals.find(({ aborted }) => aborted)?.reason)
  for (const one of signals) one.addEventListener('abort', abort)
  if (signals.some(({ aborted }) => aborted)) abort()
  let model: Model | undefined
  try {
    await packFirst(name, options, either.signal)
    const { generation } = defaults()
    model = await loadModel(name, { ...loadOptions(options), generation, onWarning: warn, signal: either.signal })
    const mask = maskFor(masks, model.config)
    if (mask) await model.maskExperts(mask)
    const { system } = await readConversation({})
    return { model, mask, system, atlas: await loadAtlas(model, options.atlas, warn) }
  } catch (error) {
    await model?.dispose()
    throw error
  } finally {
    for (const one of signals) one.removeEventListener('abort', abort)
  }
}
