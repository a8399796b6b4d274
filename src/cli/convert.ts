import type { Command } from 'commander'
import { expandHome } from '../files/home.js'
import { formatBytes } from '../numbers.js'
import type { Quant } from '../packing/format.js'
import { interruptSignal } from './interrupt.js'
import { addOutputOptions, addQuantOption, addThreadsOption, type OutputOptions } from './options.js'
import { note, writeOut } from './output.js'
import { createProgress } from './progress.js'

interface ConvertOptions extends OutputOptions {
  quant?: Quant
  threads?: number
  json?: boolean
}

export function define(command: Command): void {
  command
    .description('Packs a Hugging Face checkpoint into the folder OUT and prints the path written.')
    .argument('<model>', 'folder with config.json and weights (safetensors or PyTorch .bin), or a name')
    .argument('<out>', 'folder of the packed model, made if absent')
    .addHelpText('after', EXAMPLES)
    .action(convert)
  addThreadsOption(addQuantOption(command, 'packed weights'))
  command.option('--json', 'print one object: path, bytes, quant, warnings')
  addOutputOptions(command)
}

const EXAMPLES = `
Examples:
  molm convert ./MoLM-350M-4B ./molm-350m
  molm convert ./MoLM-350M-4B ./molm-350m --quant q8
  molm -m ./molm-350m "Once upon a time"`

async function convert(dir: string, out: string, options: ConvertOptions): Promise<void> {
  const { quant = 'q4', threads, json } = options
  const { convertModel } = await import('../index.js')
  const progress = createProgress('packing', options)
  const start = performance.now()
  try {
    const { path, bytes, warnings } = await convertModel(dir, expandHome(out), {
      quant,
      threads,
      onProgress: ({ bytesDone, bytes: all }) => progress.show(bytesDone, all),
      signal: interruptSignal(),
    })
    progress.clear()
    if (!options.quiet) for (const warning of warnings) note(`warning: ${warning}`)
    if (options.verbose)
      note(`packed ${formatBytes(bytes)} as ${quant} in ${((performance.now() - start) / 1000).toFixed(1)} s`)
    await writeOut(json ? `${JSON.stringify({ path, bytes, quant, warnings })}\n` : `${path}\n`)
  } finally {
    progress.clear()
  }
}
