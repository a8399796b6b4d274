import type { Command } from 'commander'
import { UsageError } from '../../../ground/errors.js'
import { encodePlain } from '../../../lab/evaluation/reading.js'
import { loadAtlas } from '../../../lab/experts/atlas/load-atlas.js'
import { lensOf } from '../../../lab/experts/lens.js'
import { drawLens, lensCsv, lensObject } from '../../../lab/pictures/kinds/lens-figure.js'
import { interruptSignal } from '../../io/interrupt.js'
import { warner } from '../../io/output.js'
import { type ModelOptions, wholeNumber } from '../../parsing/options.js'
import type { Report, ReportOptions } from '../../reports/experts-report.js'
import { withModel } from '../../setup/with-model.js'

export interface LensCommandOptions extends ModelOptions, ReportOptions {
  lens?: boolean
  token?: number
}

export function addLensOptions(command: Command): void {
  command
    .option('--lens', 'what each woken expert of a token says through the head: words that it pushes up and down')
    .option(
      '--token <n>',
      'with --lens, the number of the token, from 0 (default: the last one)',
      wholeNumber('--token', 0),
    )
}

export async function lensReport(text: string, options: LensCommandOptions): Promise<Report> {
  const { lens, atlas } = await withModel(options, async ({ model }) => {
    const atlas = await loadAtlas(model, undefined, warner(options))
    const tokens = await encodePlain(model, text, interruptSignal())
    const { token = tokens.length - 1 } = options
    if (token >= tokens.length) throw new UsageError(`--token must be below ${tokens.length}, the tokens of the text`)
    return { atlas, lens: await lensOf(model, tokens.slice(0, token + 1), { signal: interruptSignal() }) }
  })
  return {
    figure: (chosen) => drawLens(lens, { ...chosen, atlas }),
    json: () => [`${JSON.stringify(lensObject(lens))}\n`],
    csv: () => lensCsv(lens),
  }
}
