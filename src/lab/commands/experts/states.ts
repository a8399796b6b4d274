import { type Command, Option } from 'commander'
import { readTextOrStdin } from '../../../cli/io/input-text.js'
import { interruptSignal } from '../../../cli/io/interrupt.js'
import { type OutputOptions, writeOut } from '../../../cli/io/output.js'
import { withStatusLine } from '../../../cli/io/status-line.js'
import { collect, modelName } from '../../../cli/parsing/options.js'
import { packFirst } from '../../../cli/setup/pack-first.js'
import { UsageError } from '../../../ground/errors.js'
import { expandHome } from '../../../ground/files/home.js'
import { useModel, windowOf } from '../../../insight/texts/reading.js'
import type { Quant } from '../../../model/packing/format/formats.js'
import { writeStates } from '../../traces/states-file.js'
import { parseNumberList } from '../number-list.js'

/** States of texts, which `molm trace --hidden` writes. */
export interface StatesOptions extends OutputOptions {
  model?: string
  quant?: Quant
  hidden?: number[] | 'all'
  routes?: boolean
  file?: string[]
  output?: string
}

export function define(command: Command): void {
  command
    .optionsGroup('States of texts:')
    .addOption(
      new Option('--hidden <layers>', 'write the residual stream after these blocks, like 0-2,5 or all')
        .argParser(parseLayers)
        .conflicts(['shape', 'json', 'csv', 'memory', 'disk', 'speed']),
    )
    .option('--routes', 'with --hidden: also what the routers and experts of these layers compute, by nnterp’s names')
    .option('--file <file>', 'a text to read as it is (- for stdin); repeatable', collect)
    .option('-o, --output <file>', 'the file to write, with the ending .safetensors', expandHome)
}

export async function write(
  hidden: number[] | 'all',
  { output = '', file: files = [], routes, ...options }: StatesOptions,
): Promise<void> {
  if (!output.endsWith('.safetensors')) throw new UsageError('--hidden needs -o FILE.safetensors')
  if (files.length === 0) throw new UsageError('--hidden needs --file FILE: a text to read')
  const texts = await Promise.all(files.map(readTextOrStdin))
  await packFirst(options.model, options)
  const { loadModel } = await import('../../../library/load-model.js')
  const signal = interruptSignal()
  const model = await loadModel(modelName(options.model), { quant: options.quant, signal })
  await useModel(model, ({ config }) =>
    withStatusLine(options, (line) => {
      const layers = hidden === 'all' ? [...Array(config.layers).keys()] : hidden
      const onProgress = (share: number) => line.refresh(() => `reading ${Math.floor(100 * share)} %`)
      return writeStates(model, texts, output, {
        layers,
        routes,
        window: windowOf(model),
        onProgress,
        signal,
      })
    }),
  )
  await writeOut(`${output}\n`)
}

function parseLayers(text: string): number[] | 'all' {
  const layers = text === 'all' ? text : parseNumberList(text)
  if (layers) return layers === 'all' ? layers : [...new Set(layers)]
  throw new UsageError(`--hidden must be 'all' or layers like 0-2,5, not '${text}'`)
}
