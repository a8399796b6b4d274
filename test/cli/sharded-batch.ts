import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fixturePath } from '../support/fixtures.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { molm } from './molm.js'

/** A checkpoint with 320 random tokens, which loads in no time. */
export const OPTIONS = ['-m', fixturePath('01-base-bin-f32'), '-n', '3', '--seed', '7', '-t', '1', '--quiet']

/** A batch in a folder of its own, with commands for its shards. */
export class Batch {
  constructor(private readonly folder: string) {}

  path(name: string): string {
    return join(this.folder, name)
  }

  async write(lines: readonly (object | string)[]): Promise<void> {
    const texts = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)))
    await writeFile(this.path('in.jsonl'), texts.map((text) => `${text}\n`).join(''))
  }

  run(out: string, ...args: string[]) {
    return molm(['run', '--batch', this.path('in.jsonl'), ...OPTIONS, ...args, '-o', this.path(out)])
  }

  shard(number: number, of: number, ...args: string[]) {
    return this.run(`${number}.jsonl`, '--shard', `${number}/${of}`, ...args)
  }

  join(names: readonly string[], ...args: string[]) {
    return molm(['run', '--join', ...names.map((name) => this.path(name)), ...args])
  }

  read(name: string): Promise<string> {
    return readFile(this.path(name), 'utf8')
  }
}

export const withBatch = (lines: readonly (object | string)[], use: (batch: Batch) => Promise<void>) =>
  inTemporaryFolder(async (folder) => {
    const batch = new Batch(folder)
    await batch.write(lines)
    await use(batch)
  })

export const prompts = (count: number): object[] => Array.from({ length: count }, (_, i) => ({ prompt: `${i} + ${i}` }))
export const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `${i + 1}.jsonl`)
