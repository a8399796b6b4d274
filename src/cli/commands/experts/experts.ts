import { basename } from 'node:path'
import { type Command, Option } from 'commander'
import { UsageError, UserError } from '../../../ground/errors.js'
import { expandHome } from '../../../ground/files/home.js'
import type { NamedText } from '../../../lab/evaluation/text-file.js'
import { loadAtlas } from '../../../lab/experts/atlas/load-atlas.js'
import { originalExperts } from '../../../lab/experts/atlas/originals.js'
import { type NamedTrace, type TracedModel, textsOfTraces } from '../../../lab/experts/trace-texts.js'
import { readChunks, readTrace } from '../../../lab/experts/traces/read-trace.js'
import { compareRouting } from '../../../lab/experts/usage/agreement.js'
import { measureUsage } from '../../../lab/experts/usage/measure-usage.js'
import type { TextRoutes } from '../../../lab/experts/usage/text-routes.js'
import { type FigurePart, PARTS, scopeOf } from '../../../lab/pictures/blocks/figure-options.js'
import { MIXTURE_KINDS, type ModelConfig } from '../../../model/config/config.js'
import { readTextOrStdin } from '../../io/input-text.js'
import { interruptSignal } from '../../io/interrupt.js'
import { note, warner } from '../../io/output.js'
import { createReadingLine } from '../../io/status-line.js'
import { joinPrompt, readPipedText, withoutStdin } from '../../io/stdin.js'
import { addMaskOption } from '../../parsing/mask-option.js'
import { parseNumberList } from '../../parsing/number-list.js'
import {
  addModelOptions,
  addOutputOptions,
  collect,
  FIRST,
  type ModelOptions,
  parserOf,
  wholeNumber,
} from '../../parsing/options.js'
import { colourIn, parseColour } from '../../reports/experts-colour.js'
import {
  agreementReport,
  FORMATS,
  type Format,
  formatOf,
  putReport,
  type Report,
  usageReport,
} from '../../reports/experts-report.js'
import { packFirst } from '../../setup/pack-first.js'
import { referenceOptions } from '../../setup/reference-model.js'
import { withModel } from '../../setup/with-model.js'
import { type AblateOptions, ablationReport, addAblateOptions, removeJournal } from './ablate.js'
import { atlasReport } from './atlas.js'
import { addContrastOptions, type ContrastCommandOptions, contrastReport } from './contrast.js'
import { addLensOptions, type LensCommandOptions, lensReport } from './lens.js'

interface ExpertsOptions extends AblateOptions, ContrastCommandOptions, LensCommandOptions {
  ablate?: boolean
  from?: string[]
  experts?: number
  file?: string[]
  against?: string
  atlas?: string[]
  names?: string
}

export function define(command: Command): void {
  command
    .description(
      'Shows which experts a text uses: how often each is chosen, how evenly, and which of them distinguish two or ' +
        `more files. Or compares how two models choose. The text is read as it is, without a chat template.\n${EXAMPLES}`,
    )
    .addHelpText('after', NOTES)
    .argument('[prompt...]', 'words of the text')
    .action(showExperts)
  addModelOptions(command)
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
    .option('--against <model>', 'compare how this model chooses experts; a checkpoint is loaded in f32')
    .option('-o, --output <file>', 'write to a file; its extension sets the format', expandHome)
    .option('--json', 'print one object')
    .addOption(new Option('--csv', 'print a table, as --format csv').conflicts('json'))
    .optionsGroup('Form of the table or picture:')
    .option('--layers <list>', 'layers of maps and tables, like 0-5,8 (default: all)', layerList)
    .addOption(new Option('--only <kind>', 'only experts of this kind').choices(MIXTURE_KINDS))
    .option('--title <text>', "a title of your own; '' for none")
    .option(
      '--parts <list>',
      `parts of the figure, like map,table: any of ${PARTS.join(', ')} (default: all but committee and tokens)`,
      partList,
    )
    .addOption(
      new Option('--format <format>', 'format of the output (default: text)')
        .choices(FORMATS)
        .conflicts(['json', 'csv']),
    )
    .option('--width <n>', 'width of a text in columns, of a picture in pixels', wholeNumber('--width', 40, 10_000))
    .optionsGroup('Names of experts:')
    .addOption(
      new Option(
        '--atlas <file...>',
        'name the experts by texts, a file or folder for each kind; with -o atlas.json for other commands',
      ).conflicts(['file', 'against', 'tokens', 'colour', 'names']),
    )
    .option('--names <file>', 'an atlas with names of the experts (default: atlas.json of the model)', expandHome)
    .optionsGroup('Traces:')
    .addOption(
      new Option('--from <file>', 'draw a trace of molm (- for stdin); repeatable, to compare')
        .argParser(collect)
        .conflicts(['against', 'atlas', 'ablate', 'file', 'mask', 'names']),
    )
    .option(
      '--experts <n>',
      'experts in a layer of the trace (default: by the largest id)',
      wholeNumber('--experts', 1),
    )
  addContrastOptions(command.optionsGroup('Contrast of texts:'))
  addLensOptions(command.optionsGroup('Lens:'))
  addAblateOptions(command.optionsGroup('Worth of experts:'))
  addMaskOption(command.optionsGroup('Model:'))
  addOutputOptions(command)
}

const NOTES = `
How evenly experts are chosen is given as entropy in bits, and as Jain’s
fairness: 1 if all are chosen equally often.`

const EXAMPLES = `
Examples:
  molm experts --tokens "The lantern is lit."
  molm experts --file prose.txt --file program.js -o experts.html
  molm experts --file prose.txt -o experts.png --layers 0-5 --only mlp
  molm experts --file prose.txt --colour expert:3:mlp
  molm experts -m ./small --against nano --file prose.txt
  molm experts --csv --file prose.txt > experts.csv
  molm experts --atlas prose.txt code.js sums.txt -o atlas.json
  molm experts --contrast sums.txt prose.txt --write steer.json
  molm experts --lens "What is 12 + 30?"
  molm experts --ablate --file prose.txt --budget 10m -o worth.html
  molm experts --from response.json --experts 128 -o experts.html`

async function showExperts(words: string[], options: ExpertsOptions): Promise<void> {
  // An ablation measures only these layers and kind, in every format.
  const format = formatOf(options.ablate ? { ...options, layers: undefined, only: undefined } : options)
  if (options.budget !== undefined && !options.ablate) throw new UsageError('--budget needs --ablate')
  if (options.atlas) {
    if (words.length > 0) throw new UsageError('give a prompt or --atlas, not both')
    return putReport(await atlasReport(options.atlas, options), format, options)
  }
  if ((options.write ?? options.strength) !== undefined && !options.contrast) {
    throw new UsageError(`--${options.write === undefined ? 'strength' : 'write'} needs --contrast`)
  }
  if (options.contrast) {
    if (words.length > 0) throw new UsageError('give a prompt or --contrast, not both')
    return putReport(await contrastReport(options.contrast, options), format, options)
  }
  if (options.from) return putReport(usageReport(await tracedTexts(words, options), options), format, options)
  if (options.experts !== undefined) throw new UsageError('--experts needs --from')
  if (options.token !== undefined && !options.lens) throw new UsageError('--token needs --lens')
  const texts = await readTexts(words, options)
  if (options.lens) return putReport(await lensReport(texts[0], format, options), format, options)
  if (options.ablate) {
    await putReport(await ablationReport(texts, options), format, options)
    return removeJournal(options)
  }
  await putReport(await measured(texts, format, options), format, options)
}

/** Measures one model, or two for a comparison: one after the other, so that each can use all the memory. */
async function measured(texts: NamedText[], format: Format, options: ExpertsOptions): Promise<Report> {
  const { against, memory, colour } = options
  const reference = against === undefined ? undefined : await referenceOptions(against, options)
  const surprise = against === undefined && (format === 'html' || colour?.by === 'surprise')
  const { read: own, atlas } = await routesOf(texts, options, surprise)
  if (!reference) return usageReport(own, options, atlas)
  const { read: others } = await routesOf(texts, { ...options, quant: undefined, ...reference, memory })
  return agreementReport(own.map((text, i) => compareRouting(text, others[i])))
}

function routesOf(texts: NamedText[], options: ExpertsOptions, surprise = false) {
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

const layerList = parserOf('--layers', 'a list like 0-5,8', parseNumberList)

const partList = parserOf('--parts', `a list of ${PARTS.join(', ')}`, (text): FigurePart[] | undefined => {
  const parts = text.split(',').map((part) => PARTS.find((known) => known === part.trim()))
  return parts.every((part) => part !== undefined) ? parts : undefined
})

async function readTexts(given: string[], { file = [], quiet }: ExpertsOptions): Promise<NamedText[]> {
  const { words, asked } = withoutStdin(given)
  if (file.length > 0 && words.length > 0) throw new UsageError('give a prompt or --file, not both')
  if (file.length > 0) return withShortNames(await Promise.all(file.map(readTextOrStdin)))
  const text = joinPrompt([await readPipedText({ quiet, asked, signal: interruptSignal() })], words)
  if (text === '') throw new UsageError('there is no text: write it after the command, pipe it in or give a --file')
  return [{ name: 'prompt', text }]
}

/** Names texts by their file name, or by their path if two files have the same name. */
function withShortNames(texts: readonly NamedText[]): NamedText[] {
  return texts.map(({ name: path, text }) => {
    if (text === '') throw new UserError(`${path}: the file is empty`)
    const isTwice = texts.filter(({ name }) => basename(name) === basename(path)).length > 1
    return { name: isTwice ? path : basename(path), text }
  })
}

/** Reads the traces of `--from`, and says on stderr what they have. */
async function tracedTexts(words: readonly string[], options: ExpertsOptions): Promise<TextRoutes[]> {
  const { from = [], experts, model, quiet, colour } = options
  if (words.length > 0) throw new UsageError('give a prompt or --from, not both')
  if (colour?.by === 'surprise') throw new UsageError('--colour surprise needs a text: a trace has no probabilities')
  if (model !== undefined && experts !== undefined) {
    throw new UsageError('-m names the model of the trace, which has its number of experts; leave out --experts')
  }
  const traces: NamedTrace[] = []
  for (const path of from) {
    const isStdin = path === '-'
    const trace = await (isStdin ? readChunks('stdin', process.stdin) : readTrace(path))
    const isTwice = from.filter((other) => basename(other) === basename(path)).length > 1
    traces.push({ name: isStdin ? 'stdin' : isTwice ? path : basename(path), trace })
  }
  const known = model === undefined ? undefined : await tracedModel(model, options)
  const { texts, notes } = textsOfTraces(traces, { model: known, experts })
  if (!quiet) for (const line of notes) note(line)
  return texts
}

async function tracedModel(model: string, options: ModelOptions): Promise<TracedModel> {
  await packFirst(model, options)
  const { resolveModel } = await import('../../../library/finding/resolve-model.js')
  const { loadTokenizer } = await import('../../../text/tokenizer.js')
  const { name, folder, config, quant: packing } = await resolveModel(model, options.quant)
  const tokenizer = await loadTokenizer(folder)
  return { name, quant: packing, config, textOf: (token) => tokenizer?.decode([token]) ?? `<${token}>` }
}
