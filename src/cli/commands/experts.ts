import { basename } from 'node:path'
import { type Command, Option } from 'commander'
import { UsageError, UserError } from '../../errors.js'
import type { NamedText } from '../../evaluation/text-file.js'
import { compareRouting } from '../../experts/agreement.js'
import { measureUsage } from '../../experts/measure-usage.js'
import { originalExperts } from '../../experts/originals.js'
import type { TextRoutes } from '../../experts/text-routes.js'
import { expandHome } from '../../files/home.js'
import { readTextOrStdin } from '../io/input-text.js'
import { interruptSignal } from '../io/interrupt.js'
import { note } from '../io/output.js'
import { createReadingProgress } from '../io/reading-progress.js'
import { joinPrompt, readPipedText, withoutStdin } from '../io/stdin.js'
import { addMaskOption } from '../parsing/mask-option.js'
import { addModelOptions, addOutputOptions, collect, wholeNumber } from '../parsing/options.js'
import { type AblateOptions, ablationReport, addAblateOptions, removeJournal } from './experts-ablate.js'
import { atlasReport } from './experts-atlas.js'
import { FORMATS, formatOf, putReport, type Report } from './experts-report.js'
import { referenceOptions } from './reference-model.js'
import { withModel } from './with-model.js'

interface ExpertsOptions extends AblateOptions {
  ablate?: boolean
  file?: string[]
  against?: string
  atlas?: string[]
}

export function define(command: Command): void {
  command
    .description(
      'Shows how a text uses the experts: how often each is chosen, how evenly (entropy, Jain’s fairness), and which ' +
        'experts distinguish two or more files. Or compares how two models choose experts. The text is run as is, without ' +
        'a chat template.',
    )
    .argument('[prompt...]', 'words of the text')
    .option('--file <file>', 'a text to read (- for stdin); repeatable, to compare', collect)
    .option('--against <model>', 'compare the routing with this model; a checkpoint is loaded in f32')
    .addOption(new Option('--tokens', 'also show each token with its experts').conflicts('against'))
    .addOption(
      new Option(
        '--atlas <file...>',
        'name the experts by texts, a file or folder for each kind; with -o atlas.json for other commands',
      ).conflicts(['file', 'against', 'tokens']),
    )
    .option('--json', 'print one object')
    .addOption(new Option('--csv', 'print a table, as --format csv').conflicts('json'))
    .addOption(
      new Option('--format <format>', 'format of the output (default: text)')
        .choices(FORMATS)
        .conflicts(['json', 'csv']),
    )
    .option('-o, --output <file>', 'write to a file; its extension sets the format', expandHome)
    .option('--width <n>', 'width of a text in columns, of a picture in pixels', wholeNumber('--width', 40, 10_000))
    .addHelpText('after', EXAMPLES)
    .action(showExperts)
  addAblateOptions(command)
  addMaskOption(addModelOptions(command))
  addOutputOptions(command)
}

const EXAMPLES = `
Examples:
  molm experts --tokens "The lantern is lit."
  molm experts --file prose.txt --file program.js -o experts.html
  molm experts --file prose.txt -o experts.png --width 800
  molm experts -m ./small --against nano --file prose.txt
  molm experts --csv --file prose.txt > experts.csv
  molm experts --atlas prose.txt code.js sums.txt -o atlas.json
  molm experts --ablate --file prose.txt --budget 10m -o worth.html`

async function showExperts(words: string[], options: ExpertsOptions): Promise<void> {
  const format = formatOf(options)
  if (options.budget !== undefined && !options.ablate) throw new UsageError('--budget needs --ablate')
  if (options.atlas) {
    if (words.length > 0) throw new UsageError('give a prompt or --atlas, not both')
    return putReport(await atlasReport(options.atlas, options), format, options)
  }
  const texts = await readTexts(words, options)
  if (options.ablate) {
    await putReport(await ablationReport(texts, options), format, options)
    return removeJournal(options)
  }
  await putReport(await measured(texts, options), format, options)
}

/** Measures one model, or two for a comparison: one after the other, so that each can use all the memory. */
async function measured(texts: NamedText[], options: ExpertsOptions): Promise<Report> {
  const { against, memory } = options
  const reference = against === undefined ? undefined : await referenceOptions(against, options)
  const own = await routesOf(texts, options)
  if (!reference) return { texts: own }
  const others = await routesOf(texts, { ...options, quant: undefined, ...reference, memory })
  return { agreements: own.map((text, i) => compareRouting(text, others[i])) }
}

function routesOf(texts: NamedText[], options: ExpertsOptions): Promise<TextRoutes[]> {
  return withModel(options, async ({ model }) => {
    const originals = options.against === undefined ? undefined : await originalExperts(model.info)
    const read: TextRoutes[] = []
    for (const text of texts) {
      const progress = createReadingProgress(options)
      const usageOptions = { originals, signal: interruptSignal(), onPromptProgress: progress.show }
      try {
        read.push(await measureUsage(model, text, usageOptions))
      } finally {
        progress.clear()
      }
      if (options.verbose) note(`${text.name}: ${read[read.length - 1].tokens.length} tokens`)
    }
    return read
  })
}

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
