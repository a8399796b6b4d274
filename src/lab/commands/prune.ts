import { rm } from 'node:fs/promises'
import { type Command, Option } from 'commander'
import { readTextOrStdin } from '../../cli/io/input-text.js'
import { interruptSignal } from '../../cli/io/interrupt.js'
import { note, type OutputOptions, writeErr, writeJson, writeOut } from '../../cli/io/output.js'
import { withStatusLine } from '../../cli/io/status-line.js'
import { addOutputOptions, addQuantOption, addThreadsOption, parseTime, share } from '../../cli/parsing/options.js'
import { freeFolder } from '../../cli/parsing/out-folder.js'
import { packFirst } from '../../cli/setup/pack-first.js'
import { UsageError } from '../../ground/errors.js'
import { formatBytes } from '../../ground/numbers.js'
import { alignColumns } from '../../ground/output/table.js'
import { snakeCaseKeys } from '../../ground/spelling.js'
import type { NamedText } from '../../index.js'
import { MIXTURE_KINDS, type ModelConfig } from '../../model/config/config.js'
import type { Pruned, PruneOptions, PruningPoint } from '../index.js'

interface PruneCommandOptions
  extends OutputOptions,
    Pick<Partial<PruneOptions>, 'keep' | 'by' | 'only' | 'quant' | 'threads'> {
  calibrate?: string[]
  /** A number is the time of the search, in milliseconds. */
  budget?: 'layer' | 'model' | number
  dryRun?: boolean
  force?: boolean
  json?: boolean
}

export function define(command: Command): void {
  command
    .description(
      'Writes a smaller model without the experts that matter least for your texts. Prints the path written, and on ' +
        `stderr the cost, measured on the last quarter of each text.\n${EXAMPLES}`,
    )
    .argument('<model>', 'folder, file or name')
    .argument('[out]', 'folder of the smaller model; not needed with --dry-run')
    .option('--calibrate <file...>', 'texts that the model must remain good at')
    .option('--keep <share>', 'share of the experts to keep, like 0.5 or 50%', share('--keep'))
    .option('--dry-run', 'only measure the cost of several shares')
    .option('--force', 'replace the model in OUT')
    .option('--json', 'print one object')
    .optionsGroup('Choice of experts:')
    .addOption(
      new Option('--by <score>', 'measure of an expert’s importance')
        .choices(['reap', 'frequency', 'gate', 'emo', 'ablation', 'acceptance'])
        .default('reap', 'reap'),
    )
    .addOption(new Option('--only <kind>', 'kind of experts to prune (default: both)').choices(MIXTURE_KINDS))
    .option(
      '--budget <of>',
      'apply the share to every layer or to the model: layer (default), model; with --by acceptance, the time of the ' +
        'search (default: 10m)',
      parseBudget,
    )
    .addHelpText('after', NOTES)
    .action(prune)
  addThreadsOption(addQuantOption(command, 'format a checkpoint is packed in'))
  addOutputOptions(command)
}

const NOTES = `
selection.json beside the model has the ids of the experts that were kept.

Scores:
  reap       mean of gate times L2 norm of the output, over the expert's tokens
  frequency  number of tokens that chose the expert
  gate       sum of the expert's gates
  emo        mean of the router's score of the expert, over all tokens
  ablation   rise of the loss if tokens use the next best expert instead; slow:
             reads the text once per expert, as molm experts --ablate does
  acceptance searches how many experts each layer keeps, so that the whole model
             would accept most tokens of the smaller; resumes from OUT.search

Experts that every token uses are always kept.

The gates of the kept experts come from scores over these only ("kept") or over
all ("all"), whichever predicts the calibration text better. Some routers give
the same gates either way.`

const EXAMPLES = `
Examples:
  molm prune nano ./small --calibrate mail.txt --keep 0.5 --only mlp
  molm prune ./molm-350m --calibrate code/*.py --dry-run
  molm prune nano ./small --calibrate mail.txt --keep 50% --by acceptance`

async function prune(model: string, out: string | undefined, options: PruneCommandOptions): Promise<void> {
  const { keep, dryRun } = options
  if (!dryRun && out === undefined) throw new UsageError('name a folder for the smaller model, or give --dry-run')
  const missing = [
    ...(options.calibrate ? [] : ['--calibrate FILE: texts that the model must remain good at']),
    ...(keep !== undefined || dryRun ? [] : ['--keep SHARE: the share of the experts to keep']),
  ]
  if (missing.length > 0) throw new UsageError(`missing: ${missing.join('; ')}`)
  const texts = await Promise.all((options.calibrate ?? []).map(readTextOrStdin))
  await packFirst(model, options)
  if (dryRun) {
    const curve = await measureCurve(model, texts, options)
    return options.json ? writeJson({ model, by: options.by, curve }) : writeOut(curveTable(curve))
  }
  const folder = await freeFolder(out as string, options)
  const { pruneModel } = await import('../index.js')
  const journal = options.by === 'acceptance' ? `${folder}.search` : undefined
  const work = (library: LibraryOptions) => pruneModel(model, folder, { ...library, journal, keep: keep ?? 1 })
  const pruned = await withLibraryOptions(texts, options, work).catch((error: unknown) => {
    if (journal !== undefined && interruptSignal().aborted) note(`the same command resumes from ${journal}`)
    throw error
  })
  if (journal !== undefined) await rm(journal, { force: true })
  await printPruned(model, pruned, options)
}

async function measureCurve(model: string, texts: NamedText[], options: PruneCommandOptions): Promise<PruningPoint[]> {
  const { pruneCurve, keepShares } = await import('../index.js')
  const { keep, only } = options
  const sharesFor = ({ config }: { config: ModelConfig }) => (keep === undefined ? keepShares(config, only) : [1, keep])
  return withLibraryOptions(texts, options, (library) => pruneCurve(model, sharesFor, library))
}

type LibraryOptions = Omit<PruneOptions, 'keep' | 'gates' | 'journal'>

function withLibraryOptions<T>(
  calibrate: NamedText[],
  { by, only, budget, quant, threads, ...output }: PruneCommandOptions,
  work: (library: LibraryOptions) => Promise<T>,
): Promise<T> {
  const searches = by === 'acceptance'
  const hasTime = typeof budget === 'number'
  if (budget !== undefined && searches !== hasTime) {
    throw new UsageError(
      searches ? '--by acceptance needs a time as its --budget, like 10m' : '--budget TIME needs --by acceptance',
    )
  }
  const limit = hasTime ? { searchMs: budget } : { budget }
  const library = { calibrate, by, only, ...limit, quant, threads, signal: interruptSignal() }
  return withStatusLine(output, (line) => work({ ...library, onProgress: line.show }))
}

async function printPruned(model: string, pruned: Pruned, { json, quiet }: PruneCommandOptions): Promise<void> {
  const { selection, ...measures } = pruned
  if (json) return writeJson(snakeCaseKeys({ model, ...measures, ...selection }))
  if (!quiet) writeErr(summary(pruned))
  await writeOut(`${pruned.path}\n`)
}

function summary({ gates, bytes, perplexity, acceptance, decodeTokensPerSecond: speed }: Pruned): string {
  const rows = [
    ['', 'before', 'after'],
    ['weights', formatBytes(bytes.before), formatBytes(bytes.after)],
    ['perplexity', perplexity.before.toPrecision(5), perplexity.after.toPrecision(5)],
    ['expected acceptance', '100.0 %', percent(acceptance)],
    ['decode, tokens/s', speed.before.toFixed(0), speed.after.toFixed(0)],
  ]
  return (
    `${alignColumns(rows, [1, 2])}  gates from scores over ${gates === 'kept' ? 'the kept experts' : 'all experts'}\n` +
    '  perplexity of the texts given; for another use, such as chats, calibrate with texts of that kind\n'
  )
}

function curveTable(points: readonly PruningPoint[]): string {
  const kinds = MIXTURE_KINDS.filter((kind) => kind in points[0])
  const differ = points.some(({ perplexity: { kept, all } }) => kept !== all)
  const rows = points.map(({ keep, perplexity, acceptance, ...counts }) => [
    percent(keep),
    ...kinds.map((kind) => countsOf(counts[kind] ?? [])),
    perplexity.kept.toPrecision(5),
    ...(differ ? [perplexity.all.toPrecision(5)] : []),
    percent(acceptance),
  ])
  const head = ['keep', ...kinds, ...(differ ? ['ppl kept', 'ppl all'] : ['ppl']), 'accepted']
  const meaning = differ ? ' with gates over the kept experts, and over all' : ''
  return `${alignColumns([head, ...rows], [...head.keys()])}  ppl: perplexity${meaning}\n  accepted: ${ACCEPTED}\n`
}

const ACCEPTED = 'tokens of the smaller model that the whole one would accept'

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}

function parseBudget(text: string): 'layer' | 'model' | number {
  if (text === 'layer' || text === 'model') return text
  const ms = parseTime(text)
  if (ms > 0) return ms
  throw new UsageError(`--budget must be layer, model or a time like 90s, 10m or 2h, not '${text}'`)
}

/** Maximum number of layers whose expert counts are listed; of more, only the range is shown. */
const LISTED_LAYERS = 12

/** Experts per layer with any: one number if all layers have the same. */
function countsOf(layers: readonly number[]): string {
  const counts = layers.filter((count) => count > 0)
  const [least, most] = [Math.min(...counts), Math.max(...counts)]
  if (least === most) return String(least)
  return layers.length <= LISTED_LAYERS ? layers.join(',') : `${least} to ${most}`
}
