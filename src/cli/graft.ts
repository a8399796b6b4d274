import { type Command, Option } from 'commander'
import { UsageError } from '../errors.js'
import type { GraftOptions } from '../index.js'
import { MIXTURE_KINDS } from '../model/config.js'
import { decimal, formatBytes } from '../numbers.js'
import { interruptSignal } from './interrupt.js'
import { addOutputOptions, addQuantOption, addThreadsOption, type OutputOptions } from './options.js'
import { writeOut } from './output.js'

interface GraftCommandOptions extends OutputOptions, Omit<GraftOptions, 'signal'> {
  json?: boolean
}

export function define(command: Command): void {
  command
    .description(
      'Writes a larger packed model: MODEL with experts of another model of the same shape, and their router rows, ' +
        'added. What MODEL had stays as it was, bit for bit.',
    )
    .argument('<model>', 'folder, file or name')
    .argument('<out>', 'folder of the larger model')
    .requiredOption('--from <model>', 'the model that gives experts')
    .option('--layers <list>', 'layers that get experts, like 3,4 (default: all)', numbers('--layers'))
    .option('--experts <list>', 'experts that are given, like 0,1 (default: all)', numbers('--experts'))
    .addOption(new Option('--only <kind>', 'the kind that is given (default: both)').choices(MIXTURE_KINDS))
    .option('--gate-bias <x>', 'added to the newcomers’ logits (default: 0)', bias)
    .option('--json', 'print one object')
    .addHelpText('after', EXAMPLES)
    .action(graft)
  addThreadsOption(addQuantOption(command, 'format checkpoints are packed in'))
  addOutputOptions(command)
}

const EXAMPLES = `
Newcomers are numbered on from MODEL's own experts.

Examples:
  molm graft nano ./larger --from ./my-nano --only mlp --experts 0,1
  molm graft nano ./larger --from ./my-nano --layers 3,4 --gate-bias 0.5`

async function graft(model: string, out: string, options: GraftCommandOptions): Promise<void> {
  const { from, layers, experts, only, gateBias, quant, threads, json } = options
  const { graftModel } = await import('../index.js')
  const library: GraftOptions = { from, layers, experts, only, gateBias, quant, threads, signal: interruptSignal() }
  const { path, bytes, newcomers } = await graftModel(model, out, library)
  const added = Object.entries(newcomers).map(([kind, layers]) => `${layers.flat().length} ${kind}`)
  await writeOut(
    json
      ? `${JSON.stringify({ model, from, path, bytes, ...newcomers })}\n`
      : `${path}\n  ${added.join(' and ')} experts added, ${formatBytes(bytes)} in all\n`,
  )
}

function numbers(flag: string): (text: string) => number[] {
  return (text) => {
    const list = text.split(',')
    if (list.every((item) => /^\d+$/.test(item)) && new Set(list).size === list.length) return list.map(Number)
    throw new UsageError(`${flag} must be a list of different numbers like 0,1, not '${text}'`)
  }
}

function bias(text: string): number {
  const value = decimal(text)
  if (Number.isFinite(value)) return value
  throw new UsageError(`--gate-bias must be a number, not '${text}'`)
}
