import type { Command } from 'commander'
import { interruptSignal } from '../../../cli/io/interrupt.js'
import { warner } from '../../../cli/io/output.js'
import { parserOf } from '../../../cli/parsing/options.js'
import { withModel } from '../../../cli/setup/with-model.js'
import { UsageError } from '../../../ground/errors.js'
import { loadAtlas } from '../../../insight/atlas/load-atlas.js'
import { type Lens, lensOf } from '../../../insight/lens.js'
import { drawLens, lensCsv, lensObject } from '../../../insight/pictures/kinds/lens-figure.js'
import { drawUsage } from '../../../insight/pictures/kinds/usage-figure.js'
import { encodePlain } from '../../../insight/texts/reading.js'
import type { NamedText } from '../../../insight/texts/text-file.js'
import { measureUsage } from '../../../insight/usage/measure-usage.js'
import { parseNumberList } from '../number-list.js'
import type { ExpertsOptions, Format, Report } from './mode.js'

export const own = ['token'] as const

export function define(command: Command): void {
  command
    .optionsGroup('Lens:')
    .option('--lens', 'what each woken expert of a token says through the head: words that it pushes up and down')
    .option(
      '--token <list>',
      'with --lens, the number of the token, from 0; a page may have several, like 3,7-9 (default: the last one)',
      parserOf('--token', 'a list like 3,7-9', parseNumberList),
    )
}

/** Report on what the experts of a token say; a page has the whole text with its map, and one or more such tokens. */
export async function report(options: ExpertsOptions, [given]: NamedText[], format: Format): Promise<Report> {
  const isPage = format === 'html'
  const { token = [], names } = options
  if (token.length > 1 && !isPage) throw new UsageError('--token takes several numbers only for a page: -o FILE.html')
  const signal = interruptSignal()
  const { lenses, text, atlas } = await withModel(options, async ({ model }) => {
    const atlas = await loadAtlas(model, names, warner(options))
    const tokens = await encodePlain(model, given.text, signal)
    const last = tokens.length - 1
    const chosen = token.length === 0 ? [last] : [...new Set(token)]
    if (chosen.some((one) => one > last)) {
      throw new UsageError(`--token must be below ${tokens.length}, the tokens of the text`)
    }
    const lenses: Lens[] = []
    for (const one of chosen) lenses.push(await lensOf(model, tokens.slice(0, one + 1), { signal }))
    return { atlas, lenses, text: isPage ? await measureUsage(model, given, { signal, surprise: true }) : undefined }
  })
  const [lens] = lenses
  const places = text && lenses.map((one) => ({ text, token: one.tokens.length - 1, lens: one }))
  return {
    figure: (chosen) =>
      text ? { ...drawUsage([text], { ...chosen, atlas }), lenses: places } : drawLens(lens, { ...chosen, atlas }),
    json: () => [`${JSON.stringify(lensObject(lens))}\n`],
    csv: () => lensCsv(lens),
  }
}
