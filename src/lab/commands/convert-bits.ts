import type { ConvertCommandOptions } from '../../cli/commands/convert.js'
import { readTextOrStdin } from '../../cli/io/input-text.js'
import { interruptSignal } from '../../cli/io/interrupt.js'
import { note, warner, writeJson, writeOut } from '../../cli/io/output.js'
import { withStatusLine } from '../../cli/io/status-line.js'
import { UsageError } from '../../ground/errors.js'
import { formatBytes } from '../../ground/numbers.js'
import { alignColumns } from '../../ground/output/table.js'
import { snakeCaseKeys } from '../../ground/spelling.js'
import type { AtBits, BitsOptions, BitsPoint } from '../index.js'

/** Packs a checkpoint with a format for each expert, and prints the path written and the loss. */
export async function convertBits(dir: string, folder: string, options: ConvertCommandOptions): Promise<void> {
  const { convertAtBits } = await import('../index.js')
  const given = await libraryOptions(options)
  const { bits = 4.5, quiet, json } = options
  const made = await withStatusLine(options, (line) =>
    convertAtBits(dir, folder, bits, { ...given, onProgress: line.show }),
  )
  made.warnings.forEach(warner(options))
  if (json) return writeJson(snakeCaseKeys(made))
  if (!quiet) note(summary(made, await comparedWith(dir)))
  await writeOut(`${made.path}\n`)
}

/** Prints a table of bits, bytes and loss. Without `bits`, it has several rows. */
export async function printBitsCurve(dir: string, options: ConvertCommandOptions): Promise<void> {
  const { bitsCurve, CURVE_BITS } = await import('../index.js')
  const given = await libraryOptions(options)
  const points = await withStatusLine(options, (line) =>
    bitsCurve(dir, options.bits === undefined ? CURVE_BITS : [options.bits], { ...given, onProgress: line.show }),
  )
  await (options.json
    ? writeJson({ model: dir, curve: points.map(snakeCaseKeys) })
    : writeOut(table(points, await comparedWith(dir))))
}

async function libraryOptions({ calibrate, quant, threads }: ConvertCommandOptions): Promise<BitsOptions> {
  if (calibrate === undefined || calibrate === true)
    throw new UsageError('--bits and --dry-run need --calibrate: texts like those that the model will meet')
  if (quant === 'f32') throw new UsageError('--bits needs --quant q4 or q8, not f32')
  const texts = await Promise.all(calibrate.map(readTextOrStdin))
  return { calibrate: texts, quant, threads, signal: interruptSignal() }
}

/** Name of the packing that losses are measured against. */
async function comparedWith(dir: string): Promise<string> {
  const { isGgufWord } = await import('../../library/finding/model-words.js')
  return (await isGgufWord(dir)) ? 'the file' : 'q8'
}

function summary({ bits, bytes, mix, loss }: AtBits, exact: string): string {
  return (
    `${bits.toFixed(2)} bits per weight of the experts (${mixInWords(mix)}), ${formatBytes(bytes)} in all; on the ` +
    `held-out text KL ${loss.klDivergence.toFixed(4)} from ${exact}, perplexity ${loss.perplexity.toPrecision(5)}`
  )
}

function table(points: readonly BitsPoint[], exact: string): string {
  const head = ['bits', 'weights', 'predicted', 'KL', 'ppl', 'experts']
  const rows = points.map(({ bits, bytes, predicted, loss, mix }) => [
    bits.toFixed(2),
    formatBytes(bytes),
    predicted.toFixed(2),
    loss.klDivergence.toFixed(4),
    loss.perplexity.toPrecision(5),
    mixInWords(mix),
  ])
  return (
    `${alignColumns([head, ...rows], [0, 1, 2, 3, 4])}  predicted: error that reaches the model’s state, 1 at 4.5 bits; ` +
    `KL: measured on the held-out text, from ${exact}\n`
  )
}

function mixInWords(mix: AtBits['mix']): string {
  const used = (['q2', 'q3', 'q4', 'q4m', 'q8'] as const).filter((format) => mix[format])
  return used.map((format) => `${mix[format]} ${format}`).join(', ')
}
