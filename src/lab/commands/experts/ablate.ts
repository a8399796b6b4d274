import { rm } from 'node:fs/promises'
import { basename } from 'node:path'
import { type Command, Option } from 'commander'
import { interruptSignal } from '../../../cli/io/interrupt.js'
import { note, warner } from '../../../cli/io/output.js'
import { withStatusLine } from '../../../cli/io/status-line.js'
import { numberThat, parseTime } from '../../../cli/parsing/options.js'
import { withModel } from '../../../cli/setup/with-model.js'
import { formatDuration } from '../../../ground/numbers.js'
import { loadAtlas } from '../../../insight/atlas/load-atlas.js'
import type { NamedText } from '../../../insight/texts/text-file.js'
import { type Ablation, ablateExperts } from '../../ablation/ablate.js'
import { ablationCsv, ablationObject } from '../../ablation/ablation-forms.js'
import { drawAblation } from '../../figures/ablation-figure.js'
import type { ExpertsOptions, Report } from './mode.js'

export const own = ['budget'] as const

export function define(command: Command): void {
  command
    .optionsGroup('Worth of experts:')
    .addOption(
      new Option('--ablate', 'measure each expert’s worth: the rise of the loss on the text without it').conflicts([
        'against',
        'tokens',
        'atlas',
      ]),
    )
    .option(
      '--budget <time>',
      'with --ablate, stop after this time, like 10m or 2h: what matters most comes first',
      numberThat('--budget', 'a time like 90s, 10m or 2h', (ms) => ms > 0, parseTime),
    )
}

/**
 * Measures the worth of the experts. With an output file, the measures are kept beside it until it is written, so that
 * the same command resumes an interrupted one.
 */
export async function report(options: ExpertsOptions, texts: NamedText[]): Promise<Report> {
  const journal = options.output === undefined ? undefined : `${options.output}.ablation`
  const { ablation, atlas } = await withModel(options, async ({ model }) => {
    const atlas = await loadAtlas(model, undefined, warner(options))
    const ablation = await withStatusLine(options, (line) => {
      const started = performance.now()
      const label = basename(texts[0].name)
      return ablateExperts(model, texts, {
        only: options.only,
        layers: options.layers,
        budgetMs: options.budget,
        journal,
        signal: interruptSignal(),
        onProgress: ({ tokens, of }) => {
          line.refresh(() => `${label}: ${progressOf(tokens / of, performance.now() - started, options.budget)}`)
        },
      })
    })
    return { ablation, atlas }
  }).catch((error: unknown) => {
    if (journal !== undefined && interruptSignal().aborted) note(`the same command resumes from ${journal}`)
    throw error
  })
  noteUnmeasured(ablation, options)
  return {
    figure: ({ title, parts }) => drawAblation(ablation, { title, parts, atlas }),
    json: () => [`${JSON.stringify(ablationObject(ablation))}\n`],
    csv: () => ablationCsv(ablation),
    written: async () => {
      if (journal !== undefined) await rm(journal, { force: true })
    },
  }
}

/** Share done, and the time left by the speed so far. */
function progressOf(share: number, ms: number, budgetMs = Number.POSITIVE_INFINITY): string {
  const left = Math.min(ms / share - ms, budgetMs - ms)
  return `${Math.floor(100 * share)} %, ${formatDuration(Math.max(0, left) / 1000)} left`
}

function noteUnmeasured({ experts }: Ablation, { quiet, budget }: ExpertsOptions): void {
  const missing = experts.filter(({ worth }) => !worth).length
  if (missing === 0 || quiet || budget === undefined) return
  note(`${missing} of ${experts.length} experts were not measured within ${formatDuration(budget / 1000)}`)
}
