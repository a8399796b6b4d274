import { UserError } from '../../ground/errors.js'
import type { ByteSource } from '../../ground/files/byte-source.js'
import { printable } from '../../ground/printable.js'
import { MOST_PICKLE_BYTES, unpickle } from './pickle.js'
import type { Tensor } from './tensor.js'
import { placeTensors, type StoragePlace, TorchHost } from './torch-state.js'
import { ZipArchive, type ZipEntry } from './zip.js'

/**
 * Reads the tensors of a file from torch.save since version 1.6: a zip archive of NAME/data.pkl, the pickled state
 * dict, and NAME/data/KEY, the elements of each storage. Rejects with a UserError if anything is inconsistent.
 */
export async function readTorchZip(source: ByteSource): Promise<Tensor[]> {
  const archive = await ZipArchive.open(source)
  const [folder, pickle] = findPickle(source, archive)
  await checkByteOrder(source, archive, folder)
  const host = new TorchHost(source.name)
  const state = unpickle(await archive.read(pickle, MOST_PICKLE_BYTES), host)
  if (state === undefined) throw new UserError(`${source.name}: its pickle is cut short; fetch the file again`)
  const views = host.stateDict(state)

  const places = new Map<string, StoragePlace>()
  // All at once, because over a network each takes long to arrive.
  await Promise.all(
    [...new Set([...views.values()].map((view) => view.storage.key))].map(async (key) => {
      const entry = archive.entries.get(`${folder}data/${key}`)
      if (entry) places.set(key, { offset: await archive.locate(entry), bytes: entry.bytes })
    }),
  )
  return placeTensors(source, views, places)
}

/** Finds the archive's only folder, with its slash, and the pickle in it. */
function findPickle(source: ByteSource, archive: ZipArchive): [folder: string, entry: ZipEntry] {
  for (const [name, entry] of archive.entries) {
    if (/^([^/]*\/)?data\.pkl$/.test(name)) return [name.slice(0, -'data.pkl'.length), entry]
  }
  throw new UserError(`${source.name}: a zip archive, but not one written by torch.save (it has no data.pkl)`)
}

/** Refuses big-endian files. Those older than the byteorder entry are little-endian, as PyTorch assumes, too. */
async function checkByteOrder(source: ByteSource, archive: ZipArchive, folder: string): Promise<void> {
  const entry = archive.entries.get(`${folder}byteorder`)
  if (!entry) return
  const order = new TextDecoder().decode(await archive.read(entry, 64))
  if (order === 'little') return
  throw new UserError(
    `${source.name}: written in the byte order "${printable(order)}", only little is read; save it again on an ordinary machine`,
  )
}
