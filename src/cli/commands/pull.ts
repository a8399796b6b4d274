import type { Command } from 'commander'
import type { Quant } from '../../model/packing/format/formats.js'
import { interruption, interruptSignal } from '../io/interrupt.js'
import { note, type OutputOptions } from '../io/output.js'
import { addCalibrateOption, type CalibrationFiles, calibrationTexts } from '../parsing/calibration-option.js'
import { addOutputOptions, addQuantOption, addThreadsOption } from '../parsing/options.js'
import { createPullDisplay } from '../reports/pull-display.js'
import { writeSuggestions } from '../reports/suggestions.js'

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
        `The same command resumes a pull that was interrupted. Without a name, lists models to start with.\n${EXAMPLES}`,
    )
    .argument('[repo]', 'owner/name; add :q8 or :f32 for another packing than q4, :Q4_K_M for a GGUF file')
    .addHelpText('after', NOTES)
    .action(pull)
    .option('--revision <name>', 'branch, tag or commit (default: main)')
    .option('--token <token>', 'access token (default: $HF_TOKEN, or the token of a login)')
    .option('--json', 'print events, one object per line: plan, progress, note, done')
    .optionsGroup('Packing:')
    .option('--keep', 'also store the checked files in the hub’s cache')
    .option('--verify', 'verify all bytes with the hub’s checksums; fetches twice without --keep')
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
  molm pull ibm-granite/granite-3.1-1b-a400m-instruct
  molm pull ibm-research/MoLM-700M-4B:q8 --keep
  molm pull owner/name-GGUF:Q4_K_M
  molm -m ibm-research/MoLM-350M-4B "Once upon a time"`

async function pull(repo: string | undefined, options: PullCommandOptions): Promise<void> {
  if (repo === undefined) return writeSuggestions(options)
  const { quant, threads, revision, token, keep, verify } = options
  const calibrate = await calibrationTexts(options.calibrate)
  const { pullModel } = await import('../../index.js')
  const display = createPullDisplay(options)
  let isUnderWay = false
  try {
    const model = await pullModel(repo, {
      ...{ quant, threads, revision, token, keep, calibrate, verify },
      onPlan: (plan) => {
        isUnderWay = true
        display.plan(plan)
      },
      onProgress: (progress) => display.progress(progress),
      onNote: (message) => display.note(message),
      signal: interruptSignal(),
    })
    if (options.verbose && !options.json && !verify && !model.wasHere) {
      display.note('the weights were not compared with the hub’s checksums; use --verify for that')
    }
    await display.done(model)
  } finally {
    display.clear()
    if (isUnderWay && interruption() && !options.quiet) note('progress is kept: run the same command to resume')
  }
}
