import type { Command } from 'commander'
import { shortenHome } from '../../ground/files/home.js'
import { formatBytes } from '../../ground/numbers.js'
import { fitEnd, widestOf } from '../../ground/output/cell-width.js'
import { alignColumns } from '../../ground/output/table.js'
import { printable } from '../../ground/printable.js'
import type { InstalledModel } from '../../index.js'
import { note, type OutputOptions, writeJson, writeOut } from '../io/output.js'
import { addOutputOptions } from '../parsing/options.js'

export function define(command: Command): void {
  command
    .description(
      'Lists the models on this computer: the built-in one, pulled ones, and packed copies of GGUF files, which ' +
        'have the names of the files. Prints name, packing or state, size, date and commit; in a pipe with tabs ' +
        `between, and sizes in bytes.\n${EXAMPLES}`,
    )
    .option('--json', 'print one array')
    .action(list)
  addOutputOptions(command)
}

const EXAMPLES = `
Examples:
  molm list
  molm list | cut -f 1
  molm list --json`

async function list(options: OutputOptions & { json?: boolean }): Promise<void> {
  const { listModels } = await import('../../index.js')
  const models = await listModels()
  if (options.json) return writeJson(models.map(asJson))
  if (!process.stdout.isTTY) return writeOut(models.map((model) => `${cells(model, String).join('\t')}\n`).join(''))
  await writeOut(tableOf(models, process.stdout.columns || 80))
  const isNonePulled = models.every(({ state }) => state === 'built-in')
  if (isNonePulled && !options.quiet) note('no models pulled yet; `molm pull` fetches others')
}

/** A table that fits into the columns of a terminal: of a long path, the end is shown. */
export function tableOf(models: readonly InstalledModel[], columns: number): string {
  const rows = models.map((model) => cells(model, formatBytes))
  const others = alignColumns(rows.map(([, ...others]) => others))
  const room = columns - widestOf(others.split('\n')) - GAP
  return alignColumns(
    rows.map(([name, ...others]) => [fitEnd(shortenHome(name), Math.max(LEAST_NAME, room)), ...others]),
    [2],
  )
}

/** Columns between two cells, and of the shortest name. */
const [GAP, LEAST_NAME] = [2, 12]

function cells({ name, quant, bytes, modified, revision, state }: InstalledModel, size: (bytes: number) => string) {
  const day = modified?.toISOString().slice(0, 10) ?? '-'
  const row = [name, quant ?? state, size(bytes), day, revision?.slice(0, 7) ?? '-']
  // Names of files and commits may contain tabs and the like.
  return row.map((cell) => printable(cell, Infinity))
}

function asJson({ name, path, quant, bytes, modified, revision, state, gguf }: InstalledModel) {
  const about = { ...(gguf !== undefined && { gguf }), quant: quant ?? null, source_revision: revision ?? null }
  return { model: name, path, bytes, modified: modified?.toISOString() ?? null, state, ...about }
}
