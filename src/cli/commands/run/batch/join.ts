import { createReadStream } from 'node:fs'
import { open, realpath, stat } from 'node:fs/promises'
import { codeOf, UserError } from '../../../../errors.js'
import { inShardOrder, shardName } from '../../../../evaluation/shard.js'
import { expandHome } from '../../../../files/home.js'
import { type Line, readLines } from '../../../../files/lines.js'
import { parseReceipt, type Receipt, receiptLine } from './receipt.js'
import { MOST_RESULT_BYTES } from './replacements.js'
import { linesOfShard } from './shard-lines.js'
import { parseWritten } from './written.js'

/** A shard's output that is complete. */
export interface CompleteShard extends Receipt {
  /** Path of the file. */
  name: string
}

/** Maximum bytes of a receipt: it is short, apart from the name of the model. */
const MOST_RECEIPT_BYTES = 2 ** 16

/**
 * Reads the receipts of shards and puts them in order. Rejects with a UserError that names what is missing, if a shard is
 * absent or not complete, or if they are not all of the same input, options and model.
 */
export async function openShards(files: readonly string[]): Promise<CompleteShard[]> {
  const shards: CompleteShard[] = []
  const unfinished: string[] = []
  for (const name of files.map(expandHome)) {
    const receipt = await receiptOf(name)
    if (receipt) shards.push({ ...receipt, name })
    else unfinished.push(name)
  }
  const ordered = inShardOrder(shards, unfinished)
  for (const one of ordered) checkAlike(ordered[0], one)
  return ordered
}

/** The receipt at the end of a file; undefined if there is none. */
async function receiptOf(path: string): Promise<Receipt | undefined> {
  try {
    const info = await stat(path)
    if (!info.isFile()) throw new UserError(`${path}: is not a file with the answers of a shard`)
    const file = await open(path)
    try {
      const length = Math.min(info.size, MOST_RECEIPT_BYTES)
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, info.size - length)
      const end = buffer.subarray(0, bytesRead)
      if (end.at(-1) !== LF) return undefined
      return parseReceipt(end.subarray(end.lastIndexOf(LF, -2) + 1, -1))
    } finally {
      await file.close()
    }
  } catch (error) {
    throw cannotRead(path, error)
  }
}

const LF = 0x0a

function checkAlike(first: CompleteShard, one: CompleteShard): void {
  const refuse = (what: string) =>
    new UserError(
      `cannot join: ${first.name} and ${one.name} ${what}\nrun the command of each shard again with the same`,
    )
  if (one.model !== first.model) throw refuse(`are of two models, ${first.model} and ${one.model}`)
  if (one.options !== first.options) throw refuse('have different options, or different packings of the model')
  const { lines, hash } = one.input
  if (lines !== first.input.lines || hash !== first.input.hash) {
    const counts = lines === first.input.lines ? '' : `, of ${first.input.lines} and ${lines} lines`
    throw refuse(`answer different inputs${counts}, or one that was edited in between`)
  }
  const results = linesOfShard(one.shard, lines)
  if (one.results !== results) {
    throw new UserError(`${one.name}: shard ${shardName(one.shard)} has ${one.results} results, not ${results}`)
  }
}

/** A line of the joined output. */
export interface JoinedLine {
  bytes: Buffer
  isError: boolean
}

/**
 * Yields the results of shards, which are in order, in the order of the lines of their input. Rejects with a UserError if
 * a file has not the results that its receipt says.
 */
export async function* joinedLines(shards: readonly CompleteShard[]): AsyncGenerator<JoinedLine> {
  const readers = shards.map(({ name }) => readLines(createReadStream(name), MOST_RESULT_BYTES))
  const next = async (index: number): Promise<Line | undefined> => {
    const { value, done } = await readers[index].next().catch((error: unknown) => {
      throw cannotRead(shards[index].name, error)
    })
    return done ? undefined : value
  }
  try {
    const [{ input, shard }] = shards
    for (let i = 0; i < input.lines; i++) {
      const of = shards[i % shard.of]
      const line = await next(i % shard.of)
      const result = line?.isWhole ? parseWritten(line.number, line.bytes) : undefined
      const options = result?.request?.split('-')[1] ?? of.options
      if (!line?.bytes || !result || options !== of.options || (result.model ?? of.model) !== of.model) {
        throw new UserError(`${of.name}: line ${Math.floor(i / shard.of) + 1} is not a result of this shard`)
      }
      yield { bytes: line.bytes, isError: result.model === undefined }
    }
    for (const [index, { name, ...receipt }] of shards.entries()) {
      const line = await next(index)
      const isReceipt = `${line?.bytes}\n` === receiptLine(receipt)
      if (!isReceipt || (await next(index))) throw new UserError(`${name}: has more results than its last line says`)
    }
  } finally {
    await Promise.all(readers.map((reader) => reader.return(undefined)))
  }
}

/** Whether `path` is one of the files. */
export async function isAmong(path: string, files: readonly string[]): Promise<boolean> {
  const real = (one: string) => realpath(one).catch(() => one)
  const own = await real(path)
  return (await Promise.all(files.map(real))).includes(own)
}

function cannotRead(path: string, error: unknown): unknown {
  if (error instanceof UserError) return error
  const code = codeOf(error)
  if (code === undefined) return error
  return new UserError(code === 'ENOENT' ? `${path}: no such file` : `${path}: cannot be read (${code})`)
}
