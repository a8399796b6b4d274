import { type Command, Option } from 'commander'
import { interruptSignal } from '../../../cli/io/interrupt.js'
import { note, warner } from '../../../cli/io/output.js'
import { createReadingLine } from '../../../cli/io/status-line.js'
import { collect, FIRST } from '../../../cli/parsing/options.js'
import { withModel } from '../../../cli/setup/with-model.js'
import { UsageError } from '../../../ground/errors.js'
import type { Atlas } from '../../../insight/atlas/atlas.js'
import { loadAtlas } from '../../../insight/atlas/load-atlas.js'
import { scopeOf } from '../../../insight/pictures/blocks/figure-options.js'
import { type ColouredTextOptions, colouredText, valuesTable } from '../../../insight/pictures/kinds/coloured-text.js'
import { drawUsage } from '../../../insight/pictures/kinds/usage-figure.js'
import type { NamedText } from '../../../insight/texts/text-file.js'
import { measureUsage } from '../../../insight/usage/measure-usage.js'
import type { TextColour } from '../../../insight/usage/text-colours.js'
import type { TextRoutes } from '../../../insight/usage/text-routes.js'
import { MIXTURE_KINDS, type Mixture, type MixtureKind, type ModelConfig } from '../../../model/config/config.js'
import { originalExperts } from '../../atlas/originals.js'
import { tokensCsv, usageCsv } from './csv.js'
import type { AskedColour, ExpertsOptions, Format, Report } from './mode.js'
import { usageJson } from './usage-json.js'

export function define(command: Command): void {
  command
    .optionsGroup(FIRST)
    .option('--file <file>', 'a text to read (- for stdin); repeatable, to compare', collect)
    .addOption(
      new Option(
        '--tokens',
        'also show each token and the first expert of each layer; in pictures, JSON and CSV all of its experts',
      ).conflicts('against'),
    )
    .addOption(
      new Option(
        '--colour <by>',
        'print the text, coloured by expert:LAYER[:KIND] (each token’s strongest expert there), by surprise (in bits) or ' +
          'by sleepers (the share of its experts that sleep through most of the text)',
      )
        .argParser(parseColour)
        .conflicts('against'),
    )
}

export async function report(options: ExpertsOptions, texts: NamedText[], format: Format): Promise<Report> {
  const { read, atlas } = await routesOf(texts, options, format === 'html' || options.colour?.by === 'surprise')
  return usageReport(read, options, atlas)
}

export function usageReport(texts: readonly TextRoutes[], options: ExpertsOptions, atlas?: Atlas): Report {
  const colour = options.colour && colourIn(options.colour, texts[0].model.config.mixtures)
  return {
    figure: (chosen) => drawUsage(texts, { ...chosen, atlas, colour }),
    json: () => usageJson(texts, atlas, options.tokens),
    csv: () => (options.tokens ? tokensCsv(texts) : usageCsv(texts)),
    ...(colour && { text: (terminal) => textsInColour(texts, colour, { ...terminal, atlas }) }),
  }
}

export function routesOf(texts: NamedText[], options: ExpertsOptions, surprise = false) {
  return withModel(options, async ({ model }) => {
    checkChoices(model.config, options)
    const atlas = await loadAtlas(model, options.names, warner(options))
    const originals = options.against === undefined ? undefined : await originalExperts(model.info)
    const read: TextRoutes[] = []
    for (const text of texts) {
      const progress = createReadingLine(options)
      const usageOptions = { originals, surprise, signal: interruptSignal(), onPromptProgress: progress.show }
      try {
        read.push(await measureUsage(model, text, usageOptions))
      } finally {
        progress.clear()
      }
      if (options.verbose) note(`${text.name}: ${read[read.length - 1].tokens.length} tokens`)
    }
    return { read, atlas }
  })
}

/** Refuses layers and kinds that the model does not have before the texts are read. */
function checkChoices({ mixtures }: ModelConfig, { layers, only, colour }: ExpertsOptions): void {
  if (mixtures.length === 0) return
  scopeOf(mixtures, { layers, only })
  if (colour) colourIn(colour, mixtures)
}

/** Parses the value of --colour: `expert:LAYER[:KIND]`, `surprise` or `sleepers`. */
function parseColour(text: string): AskedColour {
  if (text === 'surprise' || text === 'sleepers') return { by: text }
  const [, layer, kind] = /^expert:(\d{1,5})(?::([a-z]+))?$/.exec(text) ?? []
  if (layer === undefined || (kind !== undefined && !MIXTURE_KINDS.includes(kind as MixtureKind))) {
    const kinds = MIXTURE_KINDS.join(' or ')
    throw new UsageError(
      `--colour must be expert:LAYER, expert:LAYER:KIND (kind ${kinds}), surprise or sleepers, not '${text}'`,
    )
  }
  return { by: 'expert', layer: Number(layer), kind: kind as MixtureKind | undefined }
}

/**
 * Completes a colour with a kind of experts that the layer has, MLP experts if it has both. Throws a UsageError if the
 * model lacks the layer or the kind.
 */
function colourIn(colour: AskedColour, mixtures: readonly Pick<Mixture, 'kind' | 'experts'>[]): TextColour {
  if (colour.by !== 'expert') return colour
  const { layer } = colour
  const layers = mixtures[0].experts.length
  if (layer >= layers) throw new UsageError(`--colour: the model has layers 0 to ${layers - 1}, not ${layer}`)
  const kinds = mixtures.filter(({ experts }) => experts[layer] > 0).map(({ kind }) => kind)
  const kind = colour.kind ?? kinds.at(-1)
  if (!kind || !kinds.includes(kind)) {
    throw new UsageError(`--colour: layer ${layer} has no ${kind ? `${kind} ` : ''}experts`)
  }
  return { by: 'expert', layer, kind }
}

/** Prints texts in colours; without colours, a line for each token with its value. */
function* textsInColour(
  texts: readonly TextRoutes[],
  colour: TextColour,
  options: ColouredTextOptions,
): Generator<string> {
  for (const [i, text] of texts.entries()) {
    if (i > 0) yield '\n'
    if (options.depth === 'none') yield* valuesTable(text, colour, options.atlas)
    else yield* colouredText(text, colour, options)
  }
}
