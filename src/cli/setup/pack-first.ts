import { formatBytes } from '../../ground/numbers.js'
import { interruption, interruptSignal } from '../io/interrupt.js'
import { note, warner } from '../io/output.js'
import { withStatusLine } from '../io/status-line.js'
import { type ModelOptions, modelName } from '../parsing/options.js'
import { fetchFirst } from './fetch-model.js'

type PackingOptions = Pick<ModelOptions, 'quant' | 'threads' | 'quiet' | 'color'>

/**
 * Fetches the model of a short name, if the user agrees and it is not here. Packs the GGUF file that a word for a model
 * names, unless its packed copy is here: a note says so, and a status line shows the progress. Does nothing for other
 * models. Loading packs it, too, but shows nothing.
 */
export async function packFirst(
  model: string | undefined,
  { quant, threads, ...options }: PackingOptions,
  signal: AbortSignal = interruptSignal(),
): Promise<void> {
  const word = modelName(model)
  await fetchFirst(word, { quant, threads, ...options }, signal)
  const { isGgufWord } = await import('../../library/finding/model-words.js')
  if (!(await isGgufWord(word))) return
  const { preparedModel } = await import('../../library/finding/resolve-model.js')
  let isUnderWay = false
  try {
    await withStatusLine(options, (line) =>
      preparedModel(word, {
        ...{ quant, threads, signal },
        onWarning: (message) => {
          line.clear()
          warner(options)(message)
        },
        onPacking: ({ file, folder, bytesDone, bytes }) => {
          if (!isUnderWay && !options.quiet) note(`packing ${file} once: ${formatBytes(bytes)} in ${folder}`)
          isUnderWay = true
          line.refresh(() => `packing ${Math.floor((100 * bytesDone) / bytes)} % of ${formatBytes(bytes)}`)
        },
      }),
    )
  } finally {
    if (isUnderWay && interruption() && !options.quiet) note('progress is kept: run the same command to resume')
  }
}
