import { rm } from 'node:fs/promises'
import { type Command, Option } from 'commander'
import { interruptSignal } from '../../../cli/io/interrupt.js'
import { note } from '../../../cli/io/output.js'
import { withStatusLine } from '../../../cli/io/status-line.js'
import { withModel } from '../../../cli/setup/with-model.js'
import { UsageError } from '../../../ground/errors.js'
import { checkLanguageModel } from '../../../insight/texts/check-language-model.js'
import { encodePlain } from '../../../insight/texts/reading.js'
import { drawPatching } from '../../figures/patch-figure.js'
import { patchCsv, patchObject } from '../../patching/patch-forms.js'
import { patchPrompts } from '../../patching/patch-prompts.js'
import type { ExpertsOptions, Report } from './mode.js'

export const hasTexts = true

export const own = ['answer'] as const

export function define(command: Command): void {
  command
    .optionsGroup('Causal tracing:')
    .addOption(
      new Option(
        '--patch <prompt...>',
        'how much of --answer each expert, mixture and layer of the first prompt brings back in the second, which has as ' +
          'many tokens',
      ).conflicts(['file', 'against', 'tokens', 'colour', 'atlas', 'ablate', 'from', 'contrast']),
    )
    .option('--answer <text>', 'with --patch, the text that follows the first prompt, with its blank before it')
}

/** With an output file, the measures are kept beside it until it is written, so that the same command resumes. */
export async function report({
  patch: prompts = [],
  answer = '',
  output,
  ...options
}: ExpertsOptions): Promise<Report> {
  if (prompts.length !== 2) throw new UsageError('--patch takes two prompts')
  if (answer === '') throw new UsageError('--patch needs --answer TEXT')
  const journal = output === undefined ? undefined : `${output}.patching`
  const signal = interruptSignal()
  const patching = await withModel(options, async ({ model }) => {
    checkLanguageModel(model)
    const [clean, corrupt, ids] = await Promise.all(
      [...prompts, answer].map((text) => encodePlain(model, text, signal)),
    )
    return withStatusLine(options, (line) => {
      const onProgress = ({ done, of }: { done: number; of: number }) => line.refresh(() => `${done} of ${of} readings`)
      return patchPrompts(model, clean, corrupt, ids, { journal, onProgress, signal })
    })
  }).catch((error: unknown) => {
    if (journal !== undefined && signal.aborted) note(`the same command resumes from ${journal}`)
    throw error
  })
  return {
    figure: (chosen) => drawPatching(patching, chosen),
    json: () => [`${JSON.stringify(patchObject(patching))}\n`],
    csv: () => patchCsv(patching),
    written: async () => {
      if (journal !== undefined) await rm(journal, { force: true })
    },
  }
}
