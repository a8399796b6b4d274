import { type Command, Option } from 'commander'
import { readTextOrStdin } from '../../cli/io/input-text.js'
import { interruption, interruptSignal } from '../../cli/io/interrupt.js'
import { mayAnimate, note, type OutputOptions, writeErr, writeJson, writeOut } from '../../cli/io/output.js'
import { type StatusLine, withStatusLine } from '../../cli/io/status-line.js'
import {
  addOutputOptions,
  addQuantOption,
  addThreadsOption,
  namedInLibrary,
  numberThat,
  parserOf,
  wholeNumber,
} from '../../cli/parsing/options.js'
import { freeFolder } from '../../cli/parsing/out-folder.js'
import { packFirst } from '../../cli/setup/pack-first.js'
import { UsageError } from '../../ground/errors.js'
import { decimal } from '../../ground/numbers.js'
import type { NamedText } from '../../index.js'
import { MIXTURE_KINDS } from '../../model/config/config.js'
import type { TeachEvent, TeachOptions } from '../index.js'
import { BALANCES, INITS, type Layers } from '../teaching/teach-options.js'
import { parseNumberList } from './number-list.js'
import {
  calibrationLine,
  choicesTable,
  chosenJson,
  endLine,
  learntLines,
  planJson,
  planLine,
  planTable,
  stepLine,
  summary,
  taughtJson,
  warnings,
} from './reports/teach-report.js'

/** Options of the library's `teach` that texts and the terminal do not give, and the command's own. */
interface TeachCommandOptions
  extends OutputOptions,
    Omit<TeachOptions, 'out' | 'texts' | 'keepTexts' | 'onEvent' | 'signal'> {
  text?: string[]
  keepText?: string[]
  dryRun?: boolean
  force?: boolean
  json?: boolean
}

export function define(command: Command): void {
  command
    .description(
      'Teaches texts to a model: adds new experts to its layers, and trains only these. Then weakens them until the ' +
        'model forgets no more than --forget accepts. Writes the model to the folder OUT with the curves of both steps, ' +
        'reports gains and losses on stderr, and tries the model. Without --text it chooses the gates of a taught MODEL ' +
        `again, by --forget, without training.\n${EXAMPLES}`,
    )
    .argument('<model>', 'folder, file or name')
    .argument('[out]', 'folder of the taught model; not needed with --dry-run or without --text')
    .addHelpText('after', NOTES)
    .action(teachModel)
    .option('--text <file...>', 'texts to learn; the last tenth of each is held out')
    .option(
      '--forget <percent>',
      'rise of perplexity that is accepted on other texts (default: the least of 0.5%, 1% and 2% that does)',
      percent,
    )
    .option('--dry-run', 'only print the size and time of the training')
    .option('--resume', 'continue an interrupted training')
    .option('--force', 'replace the model in OUT')
    .option('--json', 'print one object')
    .optionsGroup('Knowledge to keep:')
    .option('--keep-text <file...>', 'texts to keep, in addition to the model’s own writing')
    .option('--keep <share>', 'share of each step for texts to keep (default: 0.5)', shareOrNone)
    .optionsGroup('New experts:')
    .option('--experts <n>', 'new experts per layer (default: 1)', wholeNumber('--experts', 1, 1024))
    .option('--layers <list>', 'layers that get new experts: 4,5 or 3-5 or last:8 or all (default: all)', layerList)
    .addOption(new Option('--only <kind>', 'kind of the new experts (default: mlp)').choices(MIXTURE_KINDS))
    .addOption(
      new Option(
        '--init <as>',
        'initial weights: copies of the experts that the text uses most, or random (default: copy)',
      ).choices(INITS),
    )
    .optionsGroup('Training:')
    .option('--epochs <e>', 'passes over the texts (default: 2, in 96 to 256 steps)', wholeNumber('--epochs', 1))
    .addOption(
      new Option('--steps <s>', 'number of steps, instead of epochs')
        .argParser(wholeNumber('--steps', 1))
        .conflicts('epochs'),
    )
    .addOption(
      namedInLibrary(new Option('--lr <r>', 'highest learning rate (default: 0.003)').argParser(rate), 'learningRate'),
    )
    .option('--batch <t>', 'tokens per step (default: 2048, less for short texts)', wholeNumber('--batch', 64))
    .addOption(
      new Option('--balance <how>', 'loss that balances load towards the new experts (default: texts)').choices(
        BALANCES,
      ),
    )
    .option('--seed <n>', 'seed; the same seed gives the same model (default: 0)', wholeNumber('--seed', 0))
  addThreadsOption(addQuantOption(command, 'format a checkpoint is packed in'))
  addOutputOptions(command)
}

const NOTES = `
The rows of the routers for the new experts are trained, too. All other weights
stay the same, bit for bit. The second step lowers the gates of the new experts:
by default to the least --forget at which the perplexity of the texts falls by
half and the model continues them when it is asked to, which is tried. Its
curves are calibration.csv and .svg, the training's teaching.csv and .svg. The
path of the model is printed.

Balance:
  texts    new experts learn to be chosen for texts to learn, not texts to keep
  entropy  load goes to the experts that have most (ModuleFormer paper)
  none     no such loss

Ctrl-C ends the training and writes the best state so far. --resume continues a
training that was interrupted or killed; at most its last minute is lost.`

const EXAMPLES = `
Examples:
  molm teach nano ./nano-german --text german.txt
  molm teach nano ./nano-german --text german.txt --forget 0.5%
  molm teach ./nano-german --forget 2%
  molm teach nano ./nano-german --text german.txt --layers last:3 --experts 2
  molm teach nano --text german.txt --dry-run`

async function teachModel(model: string, out: string | undefined, options: TeachCommandOptions): Promise<void> {
  if (options.text === undefined) return chooseAgain(model, out, options)
  if (!options.dryRun && out === undefined)
    throw new UsageError('name a folder for the taught model, or give --dry-run')
  const texts = await Promise.all(options.text.map(readTextOrStdin))
  const keepTexts = options.keepText && (await Promise.all(options.keepText.map(readTextOrStdin)))
  const library = libraryOptions(texts, keepTexts, options)
  await packFirst(model, options)
  if (options.dryRun) return printPlan(model, library, options)
  const { teach } = await import('../index.js')
  // An interrupted training has left its best state there.
  const folder = await freeFolder(out as string, { force: options.force || options.resume })
  const { resume } = options
  const taught = await withDisplay(options, (onEvent) => teach(model, { ...library, out: folder, resume, onEvent }))
  const { calibration, trial } = taught
  const isShown = !options.json && !options.quiet
  if (isShown) writeErr(summary(taught) + choicesTable(calibration.curve, calibration))
  // Even with --quiet: nothing else shows that a model has forgotten.
  for (const warning of warnings(taught)) note(warning)
  const falls = taught.texts.filter(({ loss }) => loss.after < loss.before)
  if (falls.length > 0 && isShown) note(learntLines(falls, calibration, trial, out as string))
  await (options.json ? writeJson(taughtJson(model, taught)) : writeOut(`${taught.path}\n`))
  const early = interruption()
  if (early) process.exitCode = early.exitCode
}

/** Chooses the gates of a taught model again, with the options for that alone. */
async function chooseAgain(model: string, out: string | undefined, options: TeachCommandOptions): Promise<void> {
  const { forget, threads, ...others } = options
  const other = Object.keys(others).find((name) => !['json', 'quiet', 'verbose', 'color'].includes(name))
  if (forget === undefined || out !== undefined || other !== undefined) {
    throw new UsageError(
      'give --text to teach, or MODEL and --forget alone to choose the gates of a taught model again',
    )
  }
  const { chooseGates } = await import('../index.js')
  const chosen = await withStatusLine(options, (line) => {
    line.show('choosing the gates')
    return chooseGates(model, { forget, threads, signal: interruptSignal() })
  })
  const { path, choice, curve, texts, perplexity, trial } = chosen
  if (options.json) return writeJson(chosenJson(model, chosen))
  if (!options.quiet) {
    writeErr(choicesTable(curve, choice))
    note(learntLines([{ name: texts.join(', '), perplexity }], choice, trial, model))
  }
  await writeOut(`${path}\n`)
}

type LibraryOptions = Omit<TeachOptions, 'out' | 'resume'>

async function printPlan(model: string, library: LibraryOptions, options: TeachCommandOptions): Promise<void> {
  const { planTeaching } = await import('../index.js')
  const plan = await withDisplay(options, (onEvent) => planTeaching(model, { ...library, onEvent }))
  await (options.json ? writeJson({ model, ...planJson(plan) }) : writeOut(planTable(plan)))
}

/** Options of the command alone, and options of a training alone. */
const OWN_OPTIONS = ['text', 'keepText', 'dryRun', 'force', 'json', 'quiet', 'verbose', 'color', 'resume']

function libraryOptions(
  texts: NamedText[],
  keepTexts: NamedText[] | undefined,
  options: TeachCommandOptions,
): LibraryOptions {
  const settings = Object.entries(options).filter(([name]) => !OWN_OPTIONS.includes(name))
  return { texts, ...(keepTexts && { keepTexts }), ...Object.fromEntries(settings), signal: interruptSignal() }
}

/** Runs `work` and shows its events: in a status line, or in a line per check if none may be drawn. */
function withDisplay<T>(
  options: OutputOptions,
  work: (onEvent: (event: TeachEvent) => void) => Promise<T>,
): Promise<T> {
  return withStatusLine(options, (line) => work((event) => showEvent(event, line, options)))
}

function showEvent(event: TeachEvent, line: StatusLine, options: OutputOptions): void {
  const print = (text: string) => {
    line.clear()
    if (!options.quiet) note(text)
  }
  if (event.kind === 'phase') line.show(event.phase)
  if (event.kind === 'plan') print(planLine(event.plan))
  if (event.kind === 'step') {
    const text = stepLine(event)
    if (mayAnimate(options)) line.show(text)
    else if (event.point.heldOutLoss !== undefined) print(text)
  }
  if (event.kind === 'calibration') print(calibrationLine(event.point))
  if (event.kind === 'end') print(endLine(event))
}

const layerList = parserOf('--layers', 'like 4,5 or 3-5 or last:8 or all', (text): Layers | undefined => {
  return text === 'all' || /^last:[1-9]\d*$/.test(text) ? (text as Layers) : parseNumberList(text)
})

const rate = numberThat('--lr', 'a number above 0', (value) => value > 0 && Number.isFinite(value))

const percent = numberThat(
  '--forget',
  'a percentage above 0% and at most 100%, like 1%',
  (value) => value > 0 && value <= 1,
  (text) => (text.endsWith('%') ? decimal(text.slice(0, -1)) / 100 : Number.NaN),
)

const shareOrNone = numberThat('--keep', 'a share from 0 to below 1, like 0.4', (value) => value >= 0 && value < 1)
