import { createReadStream } from 'node:fs'
import { open, realpath, rm, stat } from 'node:fs/promises'
import { UsageError, UserError } from '../../../../errors.js'
import { cannotWrite } from '../../../../files/folders.js'
import { expandHome } from '../../../../files/home.js'
import { readLines } from '../../../../files/lines.js'
import { takeLock } from '../../../../files/lock.js'
import { putInPlace } from '../../../../files/write-atomically.js'
import { plural } from '../../../../numbers.js'
import { interruptSignal } from '../../../io/interrupt.js'
import { note, writeOut } from '../../../io/output.js'
import { STDIN } from '../../../io/stdin.js'
import type { RunOptions } from '../run-options.js'
import { type CompleteShard, isAmong, joinedLines, openShards } from './join.js'
import { MOST_RESULT_BYTES } from './replacements.js'
import { sidecarPath } from './sidecar.js'
import { beginsResult } from './written.js'

/** Bytes to collect before a write. */
const CHUNK_BYTES = 2 ** 20

type JoinOptions = Pick<RunOptions, 'output' | 'quiet'> & { join: string[] }

/** Writes the results of all shards of a batch to one file, or to stdout: the bytes of a run without shards. */
export async function runJoin(given: readonly string[], { join, output, quiet }: JoinOptions): Promise<void> {
  if (given.length > 0) throw new UsageError('--join takes the answers of shards and no prompt')
  const shards = await openShards(join)
  const failed =
    output === undefined || output === STDIN ? await writeTo(writeOut, shards) : await toFile(output, shards)
  const { lines } = shards[0].input
  if (failed > 0) {
    const name = output ?? 'stdout'
    throw new UserError(`${failed} of ${plural(lines, 'line')} could not be answered; see "error" in ${name}`)
  }
  if (!quiet && output !== undefined) note(`${output}: ${plural(lines, 'line')} of ${plural(shards.length, 'shard')}`)
}

/** Writes a file whole or not at all. Resolves with the number of errors among the results. */
async function toFile(named: string, shards: readonly CompleteShard[]): Promise<number> {
  const typed = expandHome(named)
  const path = await realpath(typed).catch(() => typed)
  const files = shards.map(({ name }) => name)
  if (await isAmong(path, files)) throw new UsageError('-o names one of the shards, which would be overwritten')
  const info = await stat(path).catch(() => undefined)
  if (info && !info.isFile()) {
    const file = await open(path, 'w')
    return writeTo((bytes) => file.writeFile(bytes), shards).finally(() => file.close())
  }
  if (info) await checkReplaceable(path)
  const lock = await takeLock(sidecarPath(path, 'lock'), `writing ${path}`)
  const partial = sidecarPath(path, 'partial')
  try {
    const file = await open(partial, 'w', info?.mode)
    try {
      const failed = await writeTo((bytes) => file.writeFile(bytes), shards)
      await putInPlace(file, partial, path)
      return failed
    } finally {
      await file.close()
    }
  } catch (error) {
    await rm(partial, { force: true }).catch(() => undefined)
    throw cannotWrite(path, error)
  } finally {
    await lock.release()
  }
}

/** Throws a UserError if a file has anything but results in its first line. */
async function checkReplaceable(path: string): Promise<void> {
  for await (const { bytes } of readLines(createReadStream(path), MOST_RESULT_BYTES)) {
    if (beginsResult(bytes)) return
    throw new UserError(`${path}: has no results of \`run --batch\`, so it is not replaced; give another file with -o`)
  }
}

async function writeTo(write: (bytes: Buffer) => Promise<void>, shards: readonly CompleteShard[]): Promise<number> {
  const signal = interruptSignal()
  let failed = 0
  let chunks: Buffer[] = []
  let length = 0
  const flush = async () => {
    await write(Buffer.concat(chunks))
    chunks = []
    length = 0
  }
  for await (const { bytes, isError } of joinedLines(shards)) {
    signal.throwIfAborted()
    if (isError) failed++
    chunks.push(bytes, LINE_BREAK)
    length += bytes.length + 1
    if (length > CHUNK_BYTES) await flush()
  }
  await flush()
  return failed
}

const LINE_BREAK = Buffer.from('\n')
