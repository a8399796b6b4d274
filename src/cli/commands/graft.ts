import { type Command, Option } from 'commander'
import { formatBytes, plural } from '../../ground/numbers.js'
import type { GraftOptions } from '../../index.js'
import { MIXTURE_KINDS } from '../../model/config/config.js'
import { interruptSignal } from '../io/interrupt.js'
import { note, type OutputOptions, writeJson, writeOut } from '../io/output.js'
import { shellWord } from '../io/shell-word.js'
import { parseNumberList } from '../parsing/number-list.js'
import { addOutputOptions, addQuantOption, addThreadsOption, numberThat, parserOf } from '../parsing/options.js'
import { freeFolder } from '../parsing/out-folder.js'
import { packFirst } from '../setup/pack-first.js'

interface GraftCommandOptions extends OutputOptions, Omit<GraftOptions, 'signal'> {
  force?: boolean
  json?: boolean
}

export function define(command: Command): void {
  command
    .description(
      'Writes a larger model: MODEL with experts of another model of the same shape. The weights of MODEL stay the ' +
        `same, bit for bit.\n${EXAMPLES}`,
    )
    .argument('<model>', 'folder, file or name')
    .argument('<out>', 'folder of the larger model')
    .requiredOption('--from <model>', 'the model that gives experts')
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
  molm graft nano ./larger --from ./my-nano --layers 3-5 --gate-bias 0.5`

async function graft(model: string, out: string, options: GraftCommandOptions): Promise<void> {
  const { from, layers, experts, only, gateBias, quant, threads, json, quiet } = options
  const { graftModel } = await import('../../index.js')
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

function numbers(flag: string): (text: string) => number[] {
  return parserOf(flag, 'a list of different numbers like 0,1 or 1-3', (text) => {
    const list = parseNumberList(text)
    return new Set(list).size === list?.length ? list : undefined
  })
}
