import { existsSync } from 'node:fs'
import { UserError } from '../../ground/errors.js'
import { formatBytes } from '../../ground/numbers.js'
import type { KnownModel, ModelPullOptions, PulledModel } from '../../index.js'
import type { Quant } from '../../model/packing/format/formats.js'
import { askUser } from '../io/ask-user.js'
import { interruption } from '../io/interrupt.js'
import { note, type OutputOptions } from '../io/output.js'
import { createPullDisplay, type PullDisplay } from './pull-display.js'

/** Fetches a model, and shows its progress. Says that an interrupted pull resumes. */
export async function fetchModel(
  name: string,
  options: ModelPullOptions,
  display: PullDisplay,
  { quiet }: OutputOptions,
): Promise<PulledModel> {
  const { pullModel } = await import('../../library/pull-model.js')
  let isUnderWay = false
  try {
    return await pullModel(name, {
      ...options,
      onPlan: (plan) => {
        isUnderWay = true
        display.plan(plan)
      },
      onProgress: (progress) => display.progress(progress),
      onNote: (message) => display.note(message),
    })
  } finally {
    display.clear()
    if (isUnderWay && interruption() && !quiet) note('progress is kept: run the same command to resume')
  }
}

/**
 * Asks whether to fetch the model that a short name means, unless it is here, and fetches it. Does nothing for other
 * words, and without a terminal to ask at: looking for the model then names the command that fetches it.
 */
export async function fetchFirst(
  word: string,
  { quant, threads, ...output }: OutputOptions & { quant?: Quant; threads?: number },
  signal: AbortSignal,
): Promise<void> {
  const { rowOf } = await import('../../library/catalogue/known-names.js')
  const { isPulled, modelsRoot, splitName } = await import('../../library/folders/model-folders.js')
  const isMissing = rowOf(splitName(word).repository) && !existsSync(word) && !(await isPulled(word))
  if (!isMissing || !process.stdin.isTTY || !process.stderr.isTTY) return
  const { knownModel } = await import('../../library/known-models.js')
  const { diskNeeds } = await import('../../library/machine/disk.js')
  const model = await knownModel(word, quant)
  if (!model) return
  const [{ free }] = await diskNeeds([{ folder: modelsRoot(), bytes: 0 }])
  note(
    `${word} is not on this computer: ${formatBytes(model.fetchBytes)} to fetch, ${formatBytes(free)} of disk free\n` +
      describeCosts(model),
  )
  const answer = await askUser(`fetch ${model.source}? [y/N] `, signal)
  if (!/^y(es)?$/i.test(answer?.trim() ?? '')) {
    throw new UserError(`${word} was not fetched; \`molm pull ${word}\` fetches it`)
  }
  await fetchModel(word, { quant, threads, signal }, createPullDisplay(output), output)
}

const FITS: Record<KnownModel['fits'], string> = {
  whole: 'fits',
  partly: 'does not fit as a whole: experts are read from the disk',
  no: 'too large for this computer',
}

/** `about 28 tokens/s here, 5.2 GB of memory; fits; licence apache-2.0`. */
export function describeCosts({ speed, isSpeedLeast, memoryBytes, fits, licence }: KnownModel): string {
  const memory = `${formatBytes(memoryBytes)} of memory`
  const bound = isSpeedLeast ? 'at least' : 'about'
  return `${bound} ${roughly(speed.decode)} tokens/s here, ${memory}; ${FITS[fits]}; licence ${licence}`
}

/** A predicted speed with two digits: more would promise too much. */
export function roughly(perSecond: number): string {
  return `${Number(perSecond.toPrecision(2))}`
}
