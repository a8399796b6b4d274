import { rowBytes } from '../../../api/cache-pieces.js'
import type { CacheTensor } from '../../../api/session.js'
import { UserError } from '../../../ground/errors.js'
import type { CacheFormat } from '../../../kernels/memory/formats.js'
import type { CacheTensorShape, CacheTensors } from '../../../model/layers/cache/cache-tensors.js'
import type { SequenceCache } from '../../../model/layers/cache/sequence-cache.js'
import type { CacheDescription, CacheRequest } from '../messages/cache-request.js'
import type { Task } from '../reading/demand.js'
import type { Sequence } from './sequence.js'

/** A cache that is being imported. */
interface Incoming {
  cache: SequenceCache
  contents: CacheTensors
  tokens: Int32Array
}

export class CacheTransfers {
  private readonly incoming = new Map<Sequence, Incoming>()

  /** Ends an import that is not complete; the sequence stays as it is. */
  drop(sequence: Sequence): void {
    this.incoming.get(sequence)?.cache.release()
    this.incoming.delete(sequence)
  }

  /** Takes a step. Throws a UserError if it does not fit the sequence. */
  *run(sequence: Sequence, request: CacheRequest, stop: Int32Array): Task<unknown> {
    switch (request.step) {
      case 'describe':
        yield* sequence.catchUp(stop)
        return describe(sequence)
      case 'read':
        if (request.version !== sequence.version) throw changed()
        return read(sequence.cache.contents, request)
      case 'begin':
        return this.begin(sequence, request)
      case 'write':
        return write(this.of(sequence).contents, request)
      case 'end':
        return request.isComplete ? this.complete(sequence) : this.drop(sequence)
    }
  }

  private begin(sequence: Sequence, { tokens, oldest, checkpoints }: CacheRequest & { step: 'begin' }): CacheTensor[] {
    this.drop(sequence)
    const cache = sequence.model.createCache()
    try {
      const saved = { start: oldest, end: tokens.length, checkpoints: [...checkpoints] }
      const contents = cache.prepareFor(saved)
      this.incoming.set(sequence, { cache, contents, tokens })
      return contents.list.map(described)
    } catch (error) {
      cache.release()
      throw error
    }
  }

  private complete(sequence: Sequence): void {
    const { cache, contents, tokens } = this.of(sequence)
    cache.complete(contents)
    this.incoming.delete(sequence)
    sequence.replace(cache, tokens)
  }

  private of(sequence: Sequence): Incoming {
    const incoming = this.incoming.get(sequence)
    if (!incoming) throw new Error('no cache is being imported')
    return incoming
  }
}

/** Error of reading a sequence that is not the same any more. */
export function changed(): UserError {
  return new UserError('the session changed while it was saved')
}

function describe({ cache, tokens, version }: Sequence): CacheDescription {
  return {
    version,
    tokens: Int32Array.from(tokens),
    oldest: cache.oldest,
    checkpoints: Int32Array.from(cache.checkpoints.positions),
    tensors: cache.contents.list.map(described),
  }
}

const DTYPES = { f32: 'F32', bf16: 'BF16', q8: 'I8' } as const

function described({ name, format, rows, channels }: CacheTensorShape): CacheTensor {
  return { name, dtype: DTYPES[format], shape: [rows, channels] }
}

function read(contents: CacheTensors, { tensor, from, rows }: CacheRequest & { step: 'read' }): Uint8Array {
  const { format, channels } = contents.list[tensor]
  const bytes = new Uint8Array(rows * rowBytes(described(contents.list[tensor])))
  contents.read(tensor, from, rows, numbersIn(bytes, format, rows * channels))
  return bytes
}

function write(contents: CacheTensors, { tensor, from, rows, bytes }: CacheRequest & { step: 'write' }): void {
  const { format, channels } = contents.list[tensor]
  contents.write(tensor, from, rows, numbersIn(bytes, format, rows * channels))
}

/** The bytes of a tensor as numbers, in the same place. */
function numbersIn({ buffer, byteOffset }: Uint8Array, format: CacheFormat, count: number) {
  if (format === 'q8') return new Int8Array(buffer, byteOffset, count)
  return format === 'f32' ? new Float32Array(buffer, byteOffset, count) : new Uint16Array(buffer, byteOffset, count)
}
