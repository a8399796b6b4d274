import { type FileHandle, open } from 'node:fs/promises'
import { codeOf, UserError } from '../../ground/errors.js'
import { readLines } from '../../ground/files/lines.js'
import type { Shape } from '../../insight/traces/routed-experts.js'
import type { TraceFormat } from '../../insight/traces/traced-text.js'
import type { ModelConfig } from '../../model/config/config.js'
import { readCsvTrace } from './csv-trace.js'
import { type JsonText, readJsonTrace } from './json-trace.js'

/** Most bytes of a JSON text, which is held whole. */
const MOST_BYTES = 256 * 2 ** 20

const NO_SHAPE: Shape = { layers: 0, topK: 0, remedy: '-m MODEL says how many layers and experts' }

/** Sizes of a model, for traces of its routing that lack them. */
export function shapeOf({ layers, mixtures }: Pick<ModelConfig, 'layers' | 'mixtures'>): Shape {
  const topK = mixtures.find(({ kind }) => kind === 'mlp')?.topK ?? 0
  return { ...NO_SHAPE, layers, topK }
}

/**
 * Reads a trace of routing, in any form that docs/EXPERTS.md describes; the content says which. Tables and lines are
 * read as a stream. Rejects with a UserError that names the place if the file is none of these, damaged or too large.
 */
export async function readTrace(path: string, shape?: Shape): Promise<TraceFormat> {
  let file: FileHandle | undefined
  try {
    file = await open(path)
    if ((await file.stat()).isDirectory()) throw new UserError(`${path}: is a folder, not a file`)
    return await readChunks(path, file.createReadStream({ autoClose: false }), shape)
  } catch (error) {
    const code = error instanceof UserError ? undefined : codeOf(error)
    if (code === undefined) throw error
    throw new UserError(code === 'ENOENT' ? `${path}: no such file` : `${path}: cannot be read (${code})`)
  } finally {
    await file?.close()
  }
}

/** Reads a trace from its bytes as they come; `path` names it in messages. */
export async function readChunks(path: string, source: AsyncIterable<Buffer>, shape = NO_SHAPE): Promise<TraceFormat> {
  const chunks = source[Symbol.asyncIterator]()
  const start = await chunks.next()
  if (start.done) throw new UserError(`${path}: the file is empty`)
  const all = (async function* () {
    yield start.value
    yield* { [Symbol.asyncIterator]: () => chunks }
  })()
  return start.value[0] === BRACE
    ? readJsonTrace(path, jsonTexts(path, all), shape)
    : readCsvTrace(path, decoded(path, all))
}

function tooLarge(place: string): UserError {
  return new UserError(`${place}: more than ${MOST_BYTES / 2 ** 20} MiB in one JSON text`)
}

async function* decoded(path: string, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  try {
    for await (const chunk of chunks) yield decoder.decode(chunk, { stream: true })
    yield decoder.decode()
  } catch (error) {
    if (error instanceof TypeError) throw new UserError(`${path}: it is not UTF-8 text`)
    throw error
  }
}

const LINE_FEED = Uint8Array.of(10)
const BRACE = 0x7b

/** Yields each line, if the first one is a whole JSON text; else the whole file as one text. */
async function* jsonTexts(path: string, chunks: AsyncIterable<Buffer>): AsyncGenerator<JsonText> {
  const held: Uint8Array[] = []
  let areLines: boolean | undefined
  let length = 0
  for await (const { bytes, number } of readLines(chunks, MOST_BYTES)) {
    const place = `${path}: line ${number}`
    if (!bytes) throw tooLarge(place)
    if (bytes.every((byte) => byte === 32 || byte === 13 || byte === 9)) continue
    areLines ??= isBalanced(bytes)
    if (areLines) {
      yield { bytes, place }
      continue
    }
    length += bytes.length + 1
    if (length > MOST_BYTES) throw tooLarge(path)
    held.push(bytes, LINE_FEED)
  }
  if (!areLines) yield { bytes: Buffer.concat(held), place: path }
}

/** Whether as many brackets close as open: whether a line can be a whole JSON text. */
function isBalanced(line: Uint8Array): boolean {
  const [quote, backslash] = [0x22, 0x5c]
  let depth = 0
  let isString = false
  for (let i = 0; i < line.length; i++) {
    const byte = line[i]
    if (isString) {
      if (byte === backslash) i++
      else if (byte === quote) isString = false
    } else if (byte === quote) isString = true
    else if (byte === 0x5b || byte === 0x7b) depth++
    else if (byte === 0x5d || byte === 0x7d) depth--
  }
  return depth === 0
}
