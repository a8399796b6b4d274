import { availableParallelism } from 'node:os'
import type { Command } from 'commander'
import { formatBytes } from '../../ground/numbers.js'
import { alignColumns } from '../../ground/output/table.js'
import { snakeCaseKeys } from '../../ground/spelling.js'
import type { KnownModel } from '../../index.js'
import { totalMemory } from '../../library/machine/memory.js'
import type { Quant } from '../../model/packing/format/formats.js'
import { interruptSignal } from '../io/interrupt.js'
import { note, type OutputOptions, writeJson, writeOut } from '../io/output.js'
import { addCalibrateOption, type CalibrationFiles, calibrationTexts } from '../parsing/calibration-option.js'
import { addOutputOptions, addQuantOption, addThreadsOption } from '../parsing/options.js'
import { describeCosts, fetchModel, roughly } from '../setup/fetch-model.js'
import { createPullDisplay } from '../setup/pull-display.js'

interface PullCommandOptions extends OutputOptions {
  quant?: Quant
  threads?: number
  revision?: string
  token?: string
  keep?: boolean
  calibrate?: CalibrationFiles
  verify?: boolean
  json?: boolean
}

export function define(command: Command): void {
  command
    .description(
      'Fetches a model from the Hugging Face hub, packs it as it arrives, and prints the path of the packed file. ' +
        'The same command resumes a pull that was interrupted. Without a name, lists the models that have a short one, and ' +
        `what they cost on this computer.\n${EXAMPLES}`,
    )
    .argument(
      '[repo]',
      'short name or owner/name; add :q8 or :f32 for another packing than q4, :Q4_K_M for a GGUF file',
    )
    .addHelpText('after', NOTES)
    .action(pull)
    .option('--revision <name>', 'branch, tag or commit (default: main)')
    .option('--token <token>', 'access token (default: $HF_TOKEN, or the token of a login)')
    .option('--json', 'print events, one object per line: plan, progress, note, done')
    .optionsGroup('Packing:')
    .option('--keep', 'also store the checked files in the hub’s cache')
    .option('--verify', 'verify all bytes with the hub’s checksums; without --keep fetches twice, and does not resume')
  addThreadsOption(addQuantOption(command, 'format of the packed weights'))
  addCalibrateOption(command)
  addOutputOptions(command)
}

const NOTES = `
A model that is packed already is fetched as it is.

Environment:
  HF_HOME, HF_HUB_CACHE   cache of the hub; a model in it is packed from there,
                          without the network
  HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE, HTTPS_PROXY, NO_PROXY
  MOLM_HOME               folder of packed models`

const EXAMPLES = `
Examples:
  molm pull
  molm pull granite
  molm pull ibm-granite/granite-3.1-1b-a400m-instruct
  molm pull ibm-research/MoLM-700M-4B:q8 --keep
  molm pull owner/name-GGUF:Q4_K_M
  molm -m granite "What is a lantern?"`

async function pull(repo: string | undefined, options: PullCommandOptions): Promise<void> {
  if (repo === undefined) return writeKnownModels(options)
  const { quant, threads, revision, token, keep, verify } = options
  const calibrate = await calibrationTexts(options.calibrate)
  const display = createPullDisplay(options)
  const { knownModel } = await import('../../library/known-models.js')
  const { isPulled } = await import('../../library/folders/model-folders.js')
  const known = options.quiet || (await isPulled(repo)) ? undefined : await knownModel(repo, quant)
  if (known) display.note(describeCosts(known))
  const request = { quant, threads, revision, token, keep, calibrate, verify, signal: interruptSignal() }
  const model = await fetchModel(repo, request, display, options)
  if (options.verbose && !options.json && !verify && !model.wasHere) {
    display.note('the weights were not compared with the hub’s checksums; use --verify for that')
  }
  await display.done(model)
}

const HEAD = ['name', 'fetches', 'memory', 'tokens/s', '', 'of', 'thinks, calls tools']
/** Columns of the table with numbers. */
const NUMBERS = [1, 2, 3]

const FITS: Record<KnownModel['fits'], string> = { whole: 'fits', partly: 'from the disk', no: 'too large' }

/** Prints the models that have a short name: a table on a terminal, tab-separated in a pipe, an array with `json`. */
async function writeKnownModels(options: { json?: boolean; quiet?: boolean }): Promise<void> {
  const { knownModels } = await import('../../library/known-models.js')
  const models = await knownModels()
  if (options.json) return writeJson(models.map(asJson))
  if (!process.stdout.isTTY) return writeOut(models.map((model) => `${cells(model, String).join('\t')}\n`).join(''))
  const rows = [HEAD, ...models.map((model) => cells(model, formatBytes))]
  const table = alignColumns(rows, NUMBERS)
  const isNarrow = table.split('\n').some((line) => line.length > process.stdout.columns)
  const withoutLast = rows.map((row) => row.slice(0, -1))
  await writeOut(isNarrow ? alignColumns(withoutLast, NUMBERS) : table)
  if (options.quiet) return
  const atLeast = models[0].isSpeedLeast ? '; at least, since other programs slowed its measurement down' : ''
  const able = isNarrow ? models.filter((model) => abilitiesOf(model) !== '') : []
  note(
    able.map((model) => `${model.name}: ${abilitiesOf(model)}\n`).join('') +
      `tokens/s: prompt read / answer written, predicted for this computer (${availableParallelism()} cores, ` +
      `${formatBytes(totalMemory())} of memory${atLeast})\n` +
      'molm run -m NAME asks before it fetches one, and molm pull OWNER/NAME fetches any other that molm runs',
  )
}

function cells(model: KnownModel, size: (bytes: number) => string): string[] {
  const { name, fetchBytes, memoryBytes, speed, fits, published } = model
  const speeds = `${roughly(speed.prefill)} / ${roughly(speed.decode)}`
  return [name, size(fetchBytes), size(memoryBytes), speeds, FITS[fits], published, abilitiesOf(model)]
}

function abilitiesOf({ thinks, callsTools }: KnownModel): string {
  return [...(thinks ? ['thinks'] : []), ...(callsTools ? ['calls tools'] : [])].join(', ')
}

function asJson({ speed, ...model }: KnownModel): object {
  const { prefill: prefillTokensPerSecond, decode: decodeTokensPerSecond } = speed
  return snakeCaseKeys({ ...model, prefillTokensPerSecond, decodeTokensPerSecond })
}
