import { type Command, Option } from 'commander'
import { interruptSignal } from '../../cli/io/interrupt.js'
import { note, type OutputOptions, writeJson, writeOut } from '../../cli/io/output.js'
import { shellWord } from '../../cli/io/shell-word.js'
import { splitStrength } from '../../cli/parsing/mask-option.js'
import { addOutputOptions, addQuantOption, addThreadsOption, numberThat, parserOf } from '../../cli/parsing/options.js'
import { freeFolder } from '../../cli/parsing/out-folder.js'
import { packFirst } from '../../cli/setup/pack-first.js'
import { UsageError } from '../../ground/errors.js'
import { readBounded } from '../../ground/files/bounded-file.js'
import { MOST_JSON_BYTES, parseJson } from '../../ground/json/json.js'
import { formatBytes, plural } from '../../ground/numbers.js'
import { MIXTURE_KINDS } from '../../model/config/config.js'
import type { GraftOptions } from '../index.js'
import { parseNumberList } from './number-list.js'

interface GraftCommandOptions extends OutputOptions, Omit<GraftOptions, 'signal' | 'from'> {
  from?: string
  steer?: string
  force?: boolean
  json?: boolean
}

export function define(command: Command): void {
  command
    .description(
      'Writes a larger model: MODEL with experts of another model of the same shape. Or MODEL with steered routers. ' +
        `The other weights of MODEL stay the same, bit for bit.\n${EXAMPLES}`,
    )
    .argument('<model>', 'folder, file or name')
    .argument('<out>', 'folder of the new model')
    .option('--from <model>', 'the model that gives experts')
    .addOption(
      new Option(
        '--steer <file>',
        'steer MODEL by a file of molm experts --contrast, so that it needs no option; FILE:STRENGTH multiplies its numbers',
      ).conflicts(['from', 'layers', 'experts', 'only', 'gateBias']),
    )
    .option('--layers <list>', 'layers that get experts, like 1-3,5 (default: all)', numbers('--layers'))
    .option('--experts <list>', 'experts to add, like 0,1 (default: all)', numbers('--experts'))
    .addOption(new Option('--only <kind>', 'kind of experts to add (default: both)').choices(MIXTURE_KINDS))
    .option('--force', 'replace the model in OUT')
    .option('--json', 'print one object')
    .option(
      '--gate-bias <x>',
      'added to the router logits of the new experts (default: 0)',
      numberThat('--gate-bias', 'a number', Number.isFinite),
    )
    .optionsGroup('Model:')
    .addHelpText('after', NOTES)
    .action(graft)
  addThreadsOption(addQuantOption(command, 'format checkpoints are packed in'))
  addOutputOptions(command)
}

const NOTES = `
The new experts keep their rows of the routers, and are numbered after those of
MODEL.`

const EXAMPLES = `
Examples:
  molm graft nano ./larger --from ./my-nano --only mlp --experts 0,1
  molm graft nano ./larger --from ./my-nano --layers 3-5 --gate-bias 0.5
  molm graft nano ./steered --steer steer.json:0.5`

async function graft(model: string, out: string, options: GraftCommandOptions): Promise<void> {
  const { from, layers, experts, only, gateBias, quant, threads, json, quiet } = options
  if (options.steer !== undefined) return steer(model, out, options.steer, options)
  if (from === undefined) throw new UsageError('--from or --steer is missing')
  const { graftModel } = await import('../index.js')
  const library: GraftOptions = { from, layers, experts, only, gateBias, quant, threads, signal: interruptSignal() }
  const folder = await freeFolder(out, options)
  for (const word of [model, from]) await packFirst(word, options)
  const { path, bytes, newExperts } = await graftModel(model, folder, library)
  const counts = Object.entries(newExperts).map(([kind, layers]) => ({ kind, count: layers.flat().length }))
  const added = counts.filter(({ count }) => count > 0)
  if (!json && !quiet) {
    note(
      `${added.map(({ kind, count }) => plural(count, `${kind} expert`)).join(' and ')} added, ${formatBytes(bytes)} in all`,
    )
    note(`to measure the effect: molm eval -m ${shellWord(out)} --text FILE --against ${shellWord(model)}`)
  }
  await (json ? writeJson({ model, from, path, bytes, ...newExperts }) : writeOut(`${path}\n`))
}

async function steer(model: string, out: string, file: string, options: GraftCommandOptions): Promise<void> {
  const { quant, threads, json, quiet } = options
  const { path: source, strength } = splitStrength(file)
  const bytesOf = await readBounded(source, MOST_JSON_BYTES, 'experts are a short list')
  const { steerModel } = await import('../surgery/steer-model.js')
  const folder = await freeFolder(out, options)
  await packFirst(model, options)
  const steering = parseJson(bytesOf, source)
  const { path, bytes } = await steerModel(model, folder, {
    steering,
    strength,
    quant,
    threads,
    signal: interruptSignal(),
  })
  if (!json && !quiet) {
    note(`to measure the effect: molm eval -m ${shellWord(out)} --text FILE --against ${shellWord(model)}`)
  }
  await (json ? writeJson({ model, steer: source, path, bytes }) : writeOut(`${path}\n`))
}

function numbers(flag: string): (text: string) => number[] {
  return parserOf(flag, 'a list of different numbers like 0,1 or 1-3', (text) => {
    const list = parseNumberList(text)
    return new Set(list).size === list?.length ? list : undefined
  })
}
