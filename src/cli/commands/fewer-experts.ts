import { extname } from 'node:path'
import { UsageError } from '../../errors.js'
import { writeAtomically } from '../../files/write-atomically.js'
import type { FewerExperts, NamedText } from '../../index.js'
import { readTextOrStdin } from '../io/input-text.js'
import { interruptSignal } from '../io/interrupt.js'
import { writeJson, writeOut } from '../io/output.js'
import { withStatusLine } from '../io/status-line.js'
import type { EvalOptions } from './eval-parts.js'
import { fewerExpertsCsv, fewerExpertsJson, fewerExpertsSvg, fewerExpertsTable } from './fewer-experts-report.js'
import { withModel } from './with-model.js'

/** Measures fewer experts per token, prints the table and writes the files of -o. */
export async function fewerExperts(options: EvalOptions): Promise<void> {
  const { text = [], budget, output = [], json } = options
  for (const file of output) checkOutput(file, budget)
  const texts = await Promise.all(text.map(readTextOrStdin))
  const { measureFewerExperts } = await import('../../index.js')
  const [name, measured] = await withModel(options, async ({ model }) => {
    const measured = await withStatusLine(options, (line) =>
      measureFewerExperts(model, texts, { budget, onProgress: line?.show, signal: interruptSignal() }),
    )
    return [model.name, measured] as const
  })
  const names = texts.map(({ name }: NamedText) => name)
  for (const file of output) await writeAtomically(file, [contentsOf(file, name, names, measured)])
  if (json) await writeJson(fewerExpertsJson(name, names, measured))
  else await writeOut(fewerExpertsTable(measured))
}

function checkOutput(file: string, budget: number | undefined): void {
  const extension = extname(file)
  if (!['.json', '.csv', '.svg'].includes(extension)) {
    throw new UsageError(`-o ${file}: name a .csv or .svg file for the curve, or a .json file for the numbers by layer`)
  }
  if (extension === '.json' && budget === undefined) {
    throw new UsageError(`-o ${file}: numbers by layer need a --budget`)
  }
}

function contentsOf(file: string, model: string, texts: readonly string[], measured: FewerExperts): string {
  if (extname(file) === '.json') return `${JSON.stringify(measured.found)}\n`
  if (extname(file) === '.csv') return fewerExpertsCsv(measured)
  return fewerExpertsSvg(model, texts, measured)
}
