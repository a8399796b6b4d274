import type { Command } from 'commander'
import type { ModelOptions } from '../../../cli/parsing/options.js'
import type { Figure } from '../../../insight/pictures/blocks/figure.js'
import type { FigureOptions } from '../../../insight/pictures/blocks/figure-options.js'
import type { ColouredTextOptions } from '../../../insight/pictures/kinds/coloured-text.js'
import type { NamedText } from '../../../insight/texts/text-file.js'
import type { TextColour } from '../../../insight/usage/text-colours.js'
import type { MixtureKind } from '../../../model/config/config.js'

export const FORMATS = ['text', 'json', 'csv', 'svg', 'png', 'html'] as const
export type Format = (typeof FORMATS)[number]

/** A colour as the user asks for it: the kind of experts may be left to the model. */
export type AskedColour = Exclude<TextColour, { by: 'expert' }> | { by: 'expert'; layer: number; kind?: MixtureKind }

/** The options of all modes. */
export interface ExpertsOptions
  extends ModelOptions,
    Pick<FigureOptions, 'tokens' | 'layers' | 'only' | 'title' | 'parts'> {
  json?: boolean
  csv?: boolean
  format?: Format
  output?: string
  width?: number
  /** Prints the text in colours in place of the figure. */
  colour?: AskedColour
  color?: boolean
  file?: string[]
  names?: string
  against?: string
  atlas?: string[]
  contrast?: string[]
  patch?: string[]
  answer?: string
  write?: string
  strength?: number
  from?: string[]
  experts?: number
  lens?: boolean
  matters?: boolean
  token?: number[]
  ablate?: boolean
  /** Milliseconds. */
  budget?: number
}

export interface Report {
  figure(options: FigureOptions): Figure
  json(): Iterable<string>
  csv(): Iterable<string>
  /** Called when the report is written. */
  written?(): Promise<void>
  /** The text in colours, in place of the figure. */
  text?(terminal: Pick<ColouredTextOptions, 'depth' | 'background'>): Iterable<string>
}

/** One way to look at experts, such as `--atlas`. Its file exports these members. */
export interface Mode {
  /** Adds its options to the command. */
  define(command: Command): void
  /** Its options beside the one of its name, which need that one. */
  own?: readonly (keyof ExpertsOptions)[]
  /** Whether its option names what it reads, in place of a prompt or --file. */
  hasTexts?: boolean
  report(options: ExpertsOptions, texts: NamedText[], format: Format): Promise<Report>
}
