import type { Command } from 'commander'
import { formatBytes } from '../../numbers.js'
import type { Quant } from '../../packing/format/formats.js'
import { interruptSignal } from '../io/interrupt.js'
import { note, type OutputOptions, writeJson, writeOut } from '../io/output.js'
import { withProgress } from '../io/progress.js'
import { addOutputOptions, addQuantOption, addThreadsOption } from '../parsing/options.js'
import { folderForPacking, freeFolder } from '../parsing/out-folder.js'

interface ConvertCommandOptions extends OutputOptions {
  quant?: Quant
  threads?: number
  json?: boolean
  force?: boolean
}

export function define(command: Command): void {
  command
    .description(
      'Packs a Hugging Face checkpoint or a GGUF file into the folder OUT and prints the path written. A folder may hold ' +
        'several packings of one checkpoint. Another model in OUT is only replaced with --force. A GGUF file keeps its ' +
        'formats unless --quant asks for others (docs/FAMILIES.md).',
    )
    .argument('<model>', 'folder with config.json and weights (safetensors or PyTorch .bin), GGUF file, or a name')
    .argument('<out>', 'folder of the packed model, created if missing')
    .addHelpText('after', EXAMPLES)
    .action(convert)
  addThreadsOption(addQuantOption(command, 'packed weights'))
  command.option('--force', 'replace the model in OUT')
  command.option('--json', 'print one object: path, bytes, quant, warnings')
  addOutputOptions(command)
}

const EXAMPLES = `
Examples:
  molm convert ./MoLM-350M-4B ./molm-350m
  molm convert ./MoLM-350M-4B ./molm-350m --quant q8
  molm convert ./granite-Q4_K_M.gguf ./granite
  molm -m ./molm-350m "Once upon a time"`

async function convert(dir: string, out: string, options: ConvertCommandOptions): Promise<void> {
  const { threads, json, force } = options
  const [{ convertModel }, { checkpointFolder }, { isGgufWord }] = await Promise.all([
    import('../../index.js'),
    import('../../library/convert-model.js'),
    import('../../library/gguf-copies.js'),
  ])
  const folder = (await isGgufWord(dir))
    ? await freeFolder(out, options)
    : await folderForPacking(out, { checkpoint: await checkpointFolder(dir), quant: options.quant ?? 'q4', force })
  const start = performance.now()
  const { path, bytes, quant, warnings } = await withProgress({ ...options, label: 'packing' }, (show) =>
    convertModel(dir, folder, {
      quant: options.quant,
      threads,
      onProgress: ({ bytesDone, bytes: all }) => show(bytesDone, all),
      signal: interruptSignal(),
    }),
  )
  if (!options.quiet) for (const warning of warnings) note(`warning: ${warning}`)
  if (options.verbose)
    note(`packed ${formatBytes(bytes)} as ${quant} in ${((performance.now() - start) / 1000).toFixed(1)} s`)
  await (json ? writeJson({ path, bytes, quant, warnings }) : writeOut(`${path}\n`))
}
