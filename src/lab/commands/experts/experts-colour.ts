import { UsageError } from '../../../ground/errors.js'
import { type ColouredTextOptions, colouredText, valuesTable } from '../../../insight/pictures/kinds/coloured-text.js'
import type { TextColour } from '../../../insight/usage/text-colours.js'
import type { TextRoutes } from '../../../insight/usage/text-routes.js'
import { MIXTURE_KINDS, type Mixture, type MixtureKind } from '../../../model/config/config.js'

/** A colour as the user asks for it: the kind of experts may be left to the model. */
export type AskedColour = Exclude<TextColour, { by: 'expert' }> | { by: 'expert'; layer: number; kind?: MixtureKind }

/** Parses the value of --colour: `expert:LAYER[:KIND]`, `surprise` or `sleepers`. */
export function parseColour(text: string): AskedColour {
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
export function colourIn(colour: AskedColour, mixtures: readonly Pick<Mixture, 'kind' | 'experts'>[]): TextColour {
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
export function* textsInColour(
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
