import { UserError } from '../../ground/errors.js'
import type { ByteSource, FileSet } from '../../ground/files/byte-source.js'
import { printable } from '../../ground/printable.js'
import { closeAll } from '../checkpoint/shards.js'
import type { Tensor } from '../checkpoint/tensor.js'
import { readHeader } from './header.js'
import type { GgufMetadata } from './metadata.js'
import { placeTensors } from './place-tensors.js'
import { partNames } from './split-names.js'

/** A model in a GGUF file, or in the parts of a split one. */
export interface GgufFile {
  /** Name for messages: the file that was opened. */
  name: string
  /** Metadata of the first part; the others repeat none of it. */
  metadata: GgufMetadata
  /** Tensors by GGUF's names, readable until the file is closed. Shapes are in the order of molm: the row length last. */
  tensors: Map<string, Tensor>
  /** The open files, in the order of the parts. */
  sources: ByteSource[]
  files: string[]
  /** Closes the files. May be called more than once. */
  close(): Promise<void>
}

/**
 * Opens a GGUF file, or all parts of a split file if `file` is one of them. Reads the headers only. Rejects with a
 * UserError that names the file and what is missing, damaged or not read by molm; then no file stays open.
 */
export async function openGguf(files: FileSet, file: string): Promise<GgufFile> {
  const sources: ByteSource[] = []
  try {
    const names = await openParts(files, file, sources)
    const tensors = new Map<string, Tensor>()
    const parts: GgufMetadata[] = []
    for (const [i, source] of sources.entries()) {
      const header = await readHeader(source)
      if (names.length > 1) checkPart(header.metadata, i, names.length)
      parts.push(header.metadata)
      for (const tensor of placeTensors(source, header)) addTensor(tensors, tensor)
    }
    if (names.length > 1) checkTotal(parts, tensors.size)
    else refuseLonePart(parts[0])
    return { name: file, metadata: parts[0], tensors, sources, files: names, close: () => closeAll(sources) }
  } catch (error) {
    await closeAll(sources)
    throw error
  }
}

const PART = 'split.no'
const PARTS = 'split.count'
const TENSORS = 'split.tensors.count'

/** Opens a file and the other parts of its model, and returns the names. Adds each to `sources` as it is opened. */
async function openParts(files: FileSet, file: string, sources: ByteSource[]): Promise<string[]> {
  const names = partNames(file) ?? [file]
  if (names.length > 1) {
    const listing = new Set(await files.list())
    const missing = names.findIndex((name) => !listing.has(name))
    if (missing >= 0) {
      const part = `part ${missing + 1} of ${names.length}`
      throw new UserError(`${files.name}: ${part} of the model is missing: ${printable(names[missing])}`)
    }
  }
  for (const name of names) sources.push(await files.open(name))
  return names
}

/** Checks that a part says what its name says. `index` counts from 0. */
function checkPart(metadata: GgufMetadata, index: number, count: number): void {
  const found = metadata.number(PARTS)
  if (found !== count) throw metadata.refuse(PARTS, `is ${found}, and its name says ${count}`)
  const number = metadata.number(PART)
  if (number !== index) throw metadata.refuse(PART, `is ${number}, and its name says ${index} (counted from 0)`)
}

/** Checks that the parts have all tensors that each of them announces. */
function checkTotal(parts: readonly GgufMetadata[], tensors: number): void {
  for (const metadata of parts) {
    const announced = metadata.number(TENSORS, tensors)
    if (announced !== tensors) throw metadata.refuse(TENSORS, `is ${announced}, and the parts have ${tensors}`)
  }
}

/** Refuses a part of a split file whose name does not lead to the others. */
function refuseLonePart(metadata: GgufMetadata): void {
  const count = metadata.number(PARTS, 1)
  if (count <= 1) return
  throw metadata.refuse(
    PARTS,
    `is ${count}, so the file is a part, and its name must end in -00001-of-${String(count).padStart(5, '0')}.gguf`,
  )
}

function addTensor(tensors: Map<string, Tensor>, tensor: Tensor): void {
  if (tensors.has(tensor.name)) {
    throw new UserError(`${tensor.source.name}: tensor ${printable(tensor.name)} appears twice`)
  }
  tensors.set(tensor.name, tensor)
}
