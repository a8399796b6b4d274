import type { Command } from 'commander'
import { UsageError } from '../../ground/errors.js'
import { formatBytes } from '../../ground/numbers.js'
import type { Quant } from '../../model/packing/format/formats.js'
import { interruptSignal } from '../io/interrupt.js'
import { note, type OutputOptions, warner, writeJson, writeOut } from '../io/output.js'
import { withProgress } from '../io/status-line.js'
import { addCalibrateOption, type CalibrationFiles, calibrationTexts } from '../parsing/calibration-option.js'
import type { CommandFile } from '../parsing/commands.js'
import { addOutputOptions, addQuantOption, addThreadsOption, bitsOption } from '../parsing/options.js'
import { freeFolder } from '../parsing/out-folder.js'

export interface ConvertCommandOptions extends OutputOptions {
  bits?: number
  calibrate?: CalibrationFiles
  dryRun?: boolean
  quant?: Quant
  threads?: number
  json?: boolean
  force?: boolean
}

/** Packs with a format for each expert, or measures the loss at several. */
interface BitsFile {
  convertBits(dir: string, folder: string, options: ConvertCommandOptions): Promise<void>
  printBitsCurve(dir: string, options: ConvertCommandOptions): Promise<void>
}
type LoadBits = () => Promise<BitsFile>

export const commandWith = (loadBits: LoadBits): CommandFile => ({ define: (command) => define(command, loadBits) })

function define(command: Command, loadBits: LoadBits): void {
  command
    .description(
      `Packs a Hugging Face checkpoint or a GGUF file for molm into the folder OUT, and prints the path written.\n${EXAMPLES}`,
    )
    .argument('<model>', 'folder with config.json and weights (safetensors or PyTorch .bin), GGUF file, or a name')
    .argument('[out]', 'folder of the packed model, created if missing; not needed with --dry-run')
    .addHelpText('after', NOTES)
    .action((dir, out, options) => convert(dir, out, options, loadBits))
  addQuantOption(command, 'format of the packed weights')
    .option('--force', 'replace the model in OUT')
    .option('--json', 'print one object: path, bytes, quant, warnings')
    .optionsGroup('Rounding:')
  addCalibrateOption(command, '; with --bits, texts that choose the formats')
  command.addOption(bitsOption()).option('--dry-run', 'only measure the loss at several bits, or at --bits')
  addOutputOptions(addThreadsOption(command.optionsGroup('Model:')))
}

const NOTES = `
A folder may hold several packings of one checkpoint. Another model in OUT is
replaced only with --force. A GGUF file keeps its formats unless --quant asks
for others (docs/MODELS.md).

With --bits, experts that matter more for the texts get more bits: q3, q4, q4m
or q8, below 3.5 bits also q2. --quant is then the format of all other weights.
The last quarter of each text is held out to measure the loss. The texts must be
like those of later use.`

const EXAMPLES = `
Examples:
  molm convert ./MoLM-350M-4B ./molm-350m
  molm convert ./MoLM-350M-4B ./molm-350m --quant q8
  molm convert ./MoLM-350M-4B ./molm-350m --calibrate letters.txt code.py
  molm convert ./granite-Q4_K_M.gguf ./granite
  molm convert ./MoLM-350M-4B ./small --bits 4 --calibrate mail.txt
  molm -m ./molm-350m "Once upon a time"`

async function convert(
  dir: string,
  out: string | undefined,
  options: ConvertCommandOptions,
  loadBits: LoadBits,
): Promise<void> {
  const { threads, json, force } = options
  if (options.dryRun) return (await loadBits()).printBitsCurve(dir, options)
  if (out === undefined) throw new UsageError('name a folder for the packed model, or give --dry-run')
  const [{ convertModel }, { checkpointFolder }, { isGgufWord }] = await Promise.all([
    import('../../index.js'),
    import('../../library/convert-model.js'),
    import('../../library/finding/model-words.js'),
  ])
  const isGguf = await isGgufWord(dir)
  const packing = isGguf ? undefined : { checkpoint: await checkpointFolder(dir), quant: options.quant ?? 'q4' }
  const folder = await freeFolder(out, { force, packing })
  if (options.bits !== undefined) return (await loadBits()).convertBits(dir, folder, options)
  const calibrate = await calibrationTexts(options.calibrate)
  const start = performance.now()
  const { path, bytes, quant, warnings } = await withProgress({ ...options, label: 'packing' }, (show) =>
    convertModel(dir, folder, {
      quant: options.quant,
      threads,
      calibrate,
      onProgress: ({ bytesDone, bytes: all }) => show(bytesDone, all),
      signal: interruptSignal(),
    }),
  )
  warnings.forEach(warner(options))
  if (options.verbose)
    note(`packed ${formatBytes(bytes)} as ${quant} in ${((performance.now() - start) / 1000).toFixed(1)} s`)
  await (json ? writeJson({ path, bytes, quant, warnings }) : writeOut(`${path}\n`))
}
