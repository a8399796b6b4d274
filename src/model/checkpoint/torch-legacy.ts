import { UserError } from '../../ground/errors.js'
import type { ByteSource } from '../../ground/files/byte-source.js'
import { printable } from '../../ground/printable.js'
import { bytesOf } from './dtype.js'
import { MOST_PICKLE_BYTES, unpickle } from './pickle.js'
import type { PickleValue } from './pickle-value.js'
import { cutShort, type Tensor } from './tensor.js'
import { placeTensors, type StoragePlace, TorchHost } from './torch-state.js'

const MAGIC_NUMBER = 0x1950a86a20f9469cfc6cn
const PROTOCOL_VERSION = 1001

/** Bytes of the first window. Windows grow, since only reading the pickles shows their ends. */
const FIRST_WINDOW = 64 * 2 ** 10

/** Bytes before each storage: its number of elements as a 64-bit integer. */
const COUNT_BYTES = 8

/**
 * Reads the tensors of a file from torch.save before version 1.6: five pickles (magic number, protocol version, facts
 * about the machine, state dict, list of storage keys), then the storages in the order of the list. Their data is
 * little-endian whatever the facts about the machine say. Rejects with a UserError if anything is inconsistent.
 */
export async function readTorchLegacy(source: ByteSource): Promise<Tensor[]> {
  const { host, state, keys, end } = await readPickles(source)
  const views = host.stateDict(state)
  const places = await findStorages(source, host, keys, end)
  return placeTensors(source, views, places)
}

interface Pickles {
  host: TorchHost
  state: PickleValue
  keys: PickleValue
  /** Byte offset of the first storage. */
  end: number
}

async function readPickles(source: ByteSource): Promise<Pickles> {
  for (let window = FIRST_WINDOW; ; window *= 4) {
    const bytes = await source.read(0, Math.min(window, source.size))
    const pickles = parsePickles(source, bytes)
    if (pickles) return pickles
    if (bytes.length === source.size) throw cutShort(source, 'it ends within its pickles')
    if (window >= MOST_PICKLE_BYTES) throw new UserError(`${source.name}: its pickles are longer than ${window} bytes`)
  }
}

/** Parses the five pickles; undefined if the bytes end before the last one does. */
function parsePickles(source: ByteSource, bytes: Uint8Array): Pickles | undefined {
  const host = new TorchHost(source.name)
  const magic = unpickle(bytes, 0, host)
  if (!magic) return undefined
  if (magic.value !== MAGIC_NUMBER) throw new UserError(`${source.name}: a pickle, but not one written by torch.save`)
  const version = unpickle(bytes, magic.end, host)
  if (!version) return undefined
  if (version.value !== PROTOCOL_VERSION) throw new UserError(`${source.name}: of an unknown version of torch.save`)
  const machine = unpickle(bytes, version.end, host)
  const state = machine && unpickle(bytes, machine.end, host)
  const keys = state && unpickle(bytes, state.end, host)
  return keys && { host, state: state.value, keys: keys.value, end: keys.end }
}

async function findStorages(
  source: ByteSource,
  host: TorchHost,
  keys: PickleValue,
  start: number,
): Promise<Map<string, StoragePlace>> {
  if (!Array.isArray(keys)) throw new UserError(`${source.name}: its list of storages is missing; fetch the file again`)
  const places = new Map<string, StoragePlace>()
  let at = start
  for (const key of keys) {
    const record = typeof key === 'string' ? host.records.get(key) : undefined
    if (!record || places.has(record.key)) {
      throw new UserError(`${source.name}: its list of storages does not fit its tensors; fetch the file again`)
    }
    if (at + COUNT_BYTES > source.size) throw cutShort(source, `storage ${printable(record.key)} is missing`)
    const prefix = await source.read(at, COUNT_BYTES)
    const elements = new DataView(prefix.buffer, prefix.byteOffset).getBigInt64(0, true)
    if (elements !== BigInt(record.elements)) {
      throw new UserError(
        `${source.name}: storage ${printable(record.key)} has ${elements} elements, its tensors expect ${record.elements}; fetch the file again`,
      )
    }
    const place = { offset: at + COUNT_BYTES, bytes: bytesOf(record.dtype, record.elements) }
    if (place.offset + place.bytes > source.size)
      throw cutShort(source, `it ends within storage ${printable(record.key)}`)
    places.set(record.key, place)
    at = place.offset + place.bytes
  }
  return places
}
