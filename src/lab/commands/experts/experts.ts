import { type Command, Option } from 'commander'
import { readTextOrStdin, shortName } from '../../../cli/io/input-text.js'
import { interruptSignal } from '../../../cli/io/interrupt.js'
import { joinPrompt, readPipedText, withoutStdin } from '../../../cli/io/stdin.js'
import { addIntervene, addMaskOption } from '../../../cli/parsing/mask-option.js'
import { addModelOptions, addOutputOptions, parserOf, wholeNumber } from '../../../cli/parsing/options.js'
import { UsageError, UserError } from '../../../ground/errors.js'
import { expandHome } from '../../../ground/files/home.js'
import { type FigurePart, PARTS } from '../../../insight/pictures/blocks/figure-options.js'
import type { NamedText } from '../../../insight/texts/text-file.js'
import { MIXTURE_KINDS } from '../../../model/config/config.js'
import { parseNumberList } from '../number-list.js'
import * as ablate from './ablate.js'
import * as against from './against.js'
import * as atlas from './atlas.js'
import * as contrast from './contrast.js'
import { formatOf, putReport } from './experts-report.js'
import * as from from './from.js'
import * as lens from './lens.js'
import * as matters from './matters.js'
import { type ExpertsOptions, FORMATS, type Mode } from './mode.js'
import * as patch from './patch.js'
import * as usage from './usage.js'

/** The modes by their options. If several are given, the first one here counts. */
const MODES: readonly [name: keyof ExpertsOptions, mode: Mode][] = [
  ['atlas', atlas],
  ['contrast', contrast],
  ['patch', patch],
  ['from', from],
  ['matters', matters],
  ['lens', lens],
  ['ablate', ablate],
  ['against', against],
]

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
  usage.define(command)
  against.define(command)
  command
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
  for (const mode of [atlas, from, contrast, matters, patch, lens, ablate]) mode.define(command)
  addIntervene(addMaskOption(command.optionsGroup('Model:')))
  addOutputOptions(command)
}

const layerList = parserOf('--layers', 'a list like 0-5,8', parseNumberList)

const partList = parserOf('--parts', `a list of ${PARTS.join(', ')}`, (text): FigurePart[] | undefined => {
  const parts = text.split(',').map((part) => PARTS.find((known) => known === part.trim()))
  return parts.every((part) => part !== undefined) ? parts : undefined
})

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
  molm experts --matters "What is the capital of Italy?"
  molm experts --lens "What is 12 + 30?"
  molm experts --ablate --file prose.txt --budget 10m -o worth.html
  molm experts --from response.json --experts 128 -o experts.html`

async function showExperts(words: string[], options: ExpertsOptions): Promise<void> {
  // An ablation measures only these layers and kind, in every format.
  const format = formatOf(options.ablate ? { ...options, layers: undefined, only: undefined } : options)
  const [name, mode]: [string, Mode] = MODES.find(([name]) => options[name] !== undefined) ?? ['', usage]
  for (const option of MODES.flatMap(([, { own = [] }]) => own)) {
    const needed: string[] = MODES.filter(([, { own }]) => own?.includes(option)).map(([name]) => name)
    if (options[option] === undefined || needed.includes(name)) continue
    throw new UsageError(`--${option} needs --${needed.join(' or --')}`)
  }
  if (mode.hasTexts && words.length > 0) throw new UsageError(`give a prompt or --${name}, not both`)
  const texts = mode.hasTexts ? [] : await readTexts(words, options)
  const report = await mode.report(options, texts, format)
  await putReport(report, format, options)
  await report.written?.()
}

async function readTexts(given: string[], { file = [], quiet }: ExpertsOptions): Promise<NamedText[]> {
  const { words, asked } = withoutStdin(given)
  if (file.length > 0 && words.length > 0) throw new UsageError('give a prompt or --file, not both')
  if (file.length > 0) return withShortNames(await Promise.all(file.map(readTextOrStdin)))
  const text = joinPrompt([await readPipedText({ quiet, asked, signal: interruptSignal() })], words)
  if (text === '') throw new UsageError('there is no text: write it after the command, pipe it in or give a --file')
  return [{ name: 'prompt', text }]
}

function withShortNames(texts: readonly NamedText[]): NamedText[] {
  const paths = texts.map(({ name }) => name)
  return texts.map(({ name: path, text }) => {
    if (text === '') throw new UserError(`${path}: the file is empty`)
    return { name: shortName(path, paths), text }
  })
}
