import { totalMemory } from '../../library/available-memory.js'
import type { SuggestedModel } from '../../library/suggested-models.js'
import { formatBytes } from '../../numbers.js'
import { snakeCaseKeys } from '../../spelling.js'
import { alignColumns } from '../../terminal/table.js'
import { note, writeJson, writeOut } from '../io/output.js'

const HEAD = ['for', 'model', 'fetches', 'memory', 'tokens/s']

/** Prints models to start with: a table on a terminal, tab-separated numbers in a pipe, an array with `json`. */
export async function writeSuggestions(options: { json?: boolean; quiet?: boolean }): Promise<void> {
  const { suggestedModels } = await import('../../library/suggested-models.js')
  const models = suggestedModels()
  if (options.json) return writeJson(models.map(asJson))
  if (!process.stdout.isTTY) return writeOut(models.map((model) => `${cells(model, String).join('\t')}\n`).join(''))
  await writeOut(alignColumns([HEAD, ...models.map((model) => cells(model, formatBytes))], [0, 2, 3, 4]))
  if (options.quiet) return
  note(
    `tokens/s: prompt read / answer written, on 2 cores. This computer has ${formatBytes(totalMemory())} of memory.\n` +
      '`molm pull NAME` fetches one of them, or any other model of a family that molm runs (docs/FAMILIES.md)',
  )
}

function cells({ repo, computerGb, fetchBytes, memoryBytes, speed }: SuggestedModel, size: (bytes: number) => string) {
  return [`${computerGb} GB`, repo, size(fetchBytes), size(memoryBytes), `${speed.prefill} / ${speed.decode}`]
}

function asJson({ repo, computerGb, licence, fetchBytes, packedBytes, memoryBytes, speed }: SuggestedModel): object {
  const speeds = { prefillTokensPerSecond: speed.prefill, decodeTokensPerSecond: speed.decode }
  return snakeCaseKeys({ model: repo, computerGb, licence, fetchBytes, packedBytes, memoryBytes, ...speeds })
}
