import { type FileHandle, open } from 'node:fs/promises'
import type { Step } from '../../api/generation.js'
import type { LayerRoutes } from '../../api/routes.js'
import { csvRow } from '../../ground/csv.js'
import { UsageError } from '../../ground/errors.js'
import { cannotWrite } from '../../ground/files/folders.js'
import { option, phrase } from '../../ground/message.js'
import { rowsOf, TRACE_COLUMNS, type TraceRow } from './traces/trace-rows.js'
import { routesOfToken } from './usage/token-routes.js'

/**
 * Writes the experts that each token woke when it was read, a row for each token, layer and expert. The file's ending
 * chooses CSV or one JSON object per line.
 */
export class TraceFile {
  private constructor(
    private readonly path: string,
    private readonly file: FileHandle,
    private readonly format: (row: TraceRow) => string,
    private readonly textOf: (token: number) => string,
  ) {}

  /** Throws a UsageError if the ending is neither .csv nor .jsonl. */
  static checkName(path: string): void {
    formatOf(path)
  }

  /** Begins the file. Rejects with a UserError if it cannot be written. */
  static async create(path: string, textOf: (token: number) => string): Promise<TraceFile> {
    const isCsv = formatOf(path) === 'csv'
    const file = await open(path, 'w').catch((error) => fail(path, error))
    const format = isCsv ? (row: TraceRow) => csvRow(TRACE_COLUMNS.map((column) => row[column] ?? '')) : JSON.stringify
    const trace = new TraceFile(path, file, format, textOf)
    if (isCsv) await trace.write(`${TRACE_COLUMNS.join()}\n`)
    return trace
  }

  /** Adds the rows of a generated token; a token that was not read has none. */
  add({ index, token, routes = [] }: Step): Promise<void> {
    return this.write(this.rowsOf(index, token, routes))
  }

  /** Adds the rows of a prompt's tokens; `routes` have a row for each token. */
  async addPrompt(tokens: readonly number[], routes: readonly LayerRoutes[]): Promise<void> {
    for (const [i, token] of tokens.entries()) {
      const own = routes.map((layer) => routesOfToken(layer, i, tokens.length))
      await this.write(this.rowsOf(i - tokens.length, token, own))
    }
  }

  close(): Promise<void> {
    return this.file.close()
  }

  private rowsOf(index: number, token: number, routes: readonly LayerRoutes[]): string {
    return rowsOf(index, token, this.textOf(token), routes)
      .map((row) => `${this.format(row)}\n`)
      .join('')
  }

  private async write(text: string): Promise<void> {
    await this.file.appendFile(text).catch((error) => fail(this.path, error))
  }
}

function formatOf(path: string): 'csv' | 'jsonl' {
  const [, ending] = /\.(csv|jsonl)$/i.exec(path) ?? []
  if (!ending) throw new UsageError(phrase`${option('trace')} needs a file that ends in .csv or .jsonl, not '${path}'`)
  return ending.toLowerCase() as 'csv' | 'jsonl'
}

function fail(path: string, error: unknown): never {
  throw cannotWrite(path, error)
}
