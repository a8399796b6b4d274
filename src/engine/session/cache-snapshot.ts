import { piecesOf, rowBytes } from '../../api/cache-pieces.js'
import type { CacheSnapshot, CacheTensor } from '../../api/session.js'
import { UserError } from '../../ground/errors.js'
import type { EngineCalls } from '../run/client.js'
import type { CacheDescription, CacheStep } from '../run/messages/cache-request.js'

/** Describes the cache of a session, and reads its pieces from the engine. */
export async function exportCache(engine: EngineCalls, session: number): Promise<CacheSnapshot> {
  const take = stepsOf(engine, session)
  const { version, ...description } = await take<CacheDescription>({ step: 'describe' })
  return {
    ...description,
    read: (tensor, from, rows) => take<Uint8Array>({ step: 'read', version, tensor, from, rows }),
  }
}

/** Reads all of a snapshot, so that the session is no longer needed. Its pieces can be read as `piecesOf` has them. */
export async function wholeSnapshot(snapshot: CacheSnapshot): Promise<CacheSnapshot> {
  const pieces = new Map<string, Uint8Array>()
  const keyOf = (...place: number[]) => place.join(' ')
  for (const { tensor, from, rows } of piecesOf(snapshot.tensors)) {
    pieces.set(keyOf(tensor, from, rows), await snapshot.read(tensor, from, rows))
  }
  const read = async (...place: Parameters<CacheSnapshot['read']>) => {
    const bytes = pieces.get(keyOf(...place))
    if (!bytes) throw new RangeError(`no piece of the snapshot begins at row ${place[1]} of tensor ${place[0]}`)
    return bytes
  }
  return { ...snapshot, read }
}

export async function importCache(engine: EngineCalls, session: number, snapshot: CacheSnapshot): Promise<void> {
  const { tokens, oldest, checkpoints, tensors } = snapshot
  if (!(checkpoints instanceof Int32Array)) throw new UserError('`checkpoints` of a snapshot must be an Int32Array')
  const take = stepsOf(engine, session)
  const expected = await take<CacheTensor[]>({ step: 'begin', tokens: Int32Array.from(tokens), oldest, checkpoints })
  let isComplete = false
  try {
    checkCacheType(expected, tensors)
    if (!areSame(expected, tensors)) throw new UserError('the saved cache belongs to another model, or was cut short')
    for (const piece of piecesOf(expected)) {
      const { tensor, from, rows } = piece
      const bytes = await snapshot.read(tensor, from, rows)
      checkLength(bytes, expected[tensor], rows)
      await take<void>({ step: 'write', ...piece, bytes })
    }
    isComplete = true
  } finally {
    await take<void>({ step: 'end', isComplete })
  }
}

function stepsOf(engine: EngineCalls, session: number): <T>(step: CacheStep) => Promise<T> {
  return <T>(step: CacheStep) => engine.call<T>({ kind: 'cache', session, ...step }).reply
}

function checkCacheType(expected: readonly CacheTensor[], given: readonly CacheTensor[]): void {
  const [own, saved] = [expected, given].map((tensors) => tensors.some(({ dtype }) => dtype === 'I8'))
  if (own !== saved)
    throw new UserError(
      `the saved cache is ${saved ? '' : 'not '}of q8, and that of this model is${saved ? ' not' : ''}`,
    )
}

function areSame(expected: readonly CacheTensor[], given: readonly CacheTensor[]): boolean {
  const textOf = (tensors: readonly CacheTensor[]) => {
    return JSON.stringify(tensors.map(({ name, dtype, shape: [rows, channels] }) => [name, dtype, rows, channels]))
  }
  return textOf(expected) === textOf(given)
}

function checkLength({ byteLength }: Uint8Array, tensor: CacheTensor, rows: number): void {
  const wanted = rows * rowBytes(tensor)
  if (byteLength !== wanted) throw new UserError(`${tensor.name}: ${rows} rows have ${byteLength} bytes, not ${wanted}`)
}
