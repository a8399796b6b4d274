import { formatBytes } from '../../ground/numbers.js'
import { alignColumns } from '../../ground/output/table.js'
import { snakeCaseKeys } from '../../ground/spelling.js'
import { totalMemory } from '../../library/available-memory.js'
import type { SuggestedModel } from '../../library/suggested-models.js'
import { note, writeJson, writeOut } from '../io/output.js'

const HEAD = ['for', 'model', 'fetches', 'memory', 'tokens/s', 'thinks, calls tools']
/** Columns of the table with numbers. */
const NUMBERS = [0, 2, 3, 4]

/** Prints models to start with: a table on a terminal, tab-separated numbers in a pipe, an array with `json`. */
export async function writeSuggestions(options: { json?: boolean; quiet?: boolean }): Promise<void> {
  const { suggestedModels } = await import('../../library/suggested-models.js')
  const models = suggestedModels()
  if (options.json) return writeJson(models.map(asJson))
  if (!process.stdout.isTTY) return writeOut(models.map((model) => `${cells(model, String).join('\t')}\n`).join(''))
  const rows = [HEAD, ...models.map((model) => cells(model, formatBytes))]
  const table = alignColumns(rows, NUMBERS)
  const isNarrow = table.split('\n').some((line) => line.length > process.stdout.columns)
  const withoutLast = rows.map((row) => row.slice(0, -1))
  await writeOut(isNarrow ? alignColumns(withoutLast, NUMBERS) : table)
  if (options.quiet) return
  const able = isNarrow ? models.filter((model) => abilitiesOf(model) !== '') : []
  note(
    `tokens/s: prompt read / answer written, on 2 cores. This computer has ${formatBytes(totalMemory())} of memory.\n` +
      able.map((model) => `${model.repo}: ${abilitiesOf(model)}\n`).join('') +
      '`molm pull NAME` fetches one of them, or any other model of a family that molm runs (docs/MODELS.md)',
  )
}

function cells(model: SuggestedModel, size: (bytes: number) => string): string[] {
  const { repo, computerGb, fetchBytes, memoryBytes, speed } = model
  const speeds = `${speed.prefill} / ${speed.decode}`
  return [`${computerGb} GB`, repo, size(fetchBytes), size(memoryBytes), speeds, abilitiesOf(model)]
}

function abilitiesOf({ thinks, callsTools }: SuggestedModel): string {
  return [...(thinks ? ['thinks'] : []), ...(callsTools ? ['calls tools'] : [])].join(', ')
}

function asJson({ repo, speed, ...model }: SuggestedModel): object {
  const { computerGb, licence, fetchBytes, packedBytes, memoryBytes, thinks, callsTools } = model
  const speeds = { prefillTokensPerSecond: speed.prefill, decodeTokensPerSecond: speed.decode }
  const costs = { computerGb, licence, fetchBytes, packedBytes, memoryBytes, ...speeds }
  return snakeCaseKeys({ model: repo, ...costs, thinks, callsTools })
}
