import { availableParallelism } from 'node:os'
import { formatBytes } from '../../ground/numbers.js'
import { alignColumns } from '../../ground/output/table.js'
import { snakeCaseKeys } from '../../ground/spelling.js'
import type { KnownModel } from '../../index.js'
import { totalMemory } from '../../library/machine/memory.js'
import { note, writeJson, writeOut } from '../io/output.js'
import { roughly } from '../setup/fetch-model.js'

const HEAD = ['name', 'fetches', 'memory', 'tokens/s', '', 'of', 'thinks, calls tools']
/** Columns of the table with numbers. */
const NUMBERS = [1, 2, 3]

const FITS: Record<KnownModel['fits'], string> = { whole: 'fits', partly: 'from the disk', no: 'too large' }

/** Prints the models that have a short name: a table on a terminal, tab-separated in a pipe, an array with `json`. */
export async function writeKnownModels(options: { json?: boolean; quiet?: boolean }): Promise<void> {
  const { knownModels } = await import('../../library/known-models.js')
  const models = await knownModels()
  if (options.json) return writeJson(models.map(asJson))
  if (!process.stdout.isTTY) return writeOut(models.map((model) => `${cells(model, String).join('\t')}\n`).join(''))
  const rows = [HEAD, ...models.map((model) => cells(model, formatBytes))]
  const table = alignColumns(rows, NUMBERS)
  const isNarrow = table.split('\n').some((line) => line.length > process.stdout.columns)
  const withoutLast = rows.map((row) => row.slice(0, -1))
  await writeOut(isNarrow ? alignColumns(withoutLast, NUMBERS) : table)
  if (options.quiet) return
  const atLeast = models[0].isSpeedLeast ? '; at least, since other programs slowed its measurement down' : ''
  const able = isNarrow ? models.filter((model) => abilitiesOf(model) !== '') : []
  note(
    able.map((model) => `${model.name}: ${abilitiesOf(model)}\n`).join('') +
      `tokens/s: prompt read / answer written, predicted for this computer (${availableParallelism()} cores, ` +
      `${formatBytes(totalMemory())} of memory${atLeast})\n` +
      'molm run -m NAME asks before it fetches one, and molm pull OWNER/NAME fetches any other that molm runs',
  )
}

function cells(model: KnownModel, size: (bytes: number) => string): string[] {
  const { name, fetchBytes, memoryBytes, speed, fits, published } = model
  const speeds = `${roughly(speed.prefill)} / ${roughly(speed.decode)}`
  return [name, size(fetchBytes), size(memoryBytes), speeds, FITS[fits], published, abilitiesOf(model)]
}

function abilitiesOf({ thinks, callsTools }: KnownModel): string {
  return [...(thinks ? ['thinks'] : []), ...(callsTools ? ['calls tools'] : [])].join(', ')
}

function asJson({ speed, ...model }: KnownModel): object {
  const { prefill: prefillTokensPerSecond, decode: decodeTokensPerSecond } = speed
  return snakeCaseKeys({ ...model, prefillTokensPerSecond, decodeTokensPerSecond })
}
