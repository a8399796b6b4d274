import { UserError } from '../../../ground/errors.js'
import { type ByteSource, whileOpen } from '../../../ground/files/byte-source.js'
import { openLocalFile } from '../../../ground/files/local-folder.js'
import { printable } from '../../../ground/printable.js'
import { readSafetensors } from '../../checkpoint/safetensors.js'
import type { Tensor } from '../../checkpoint/tensor.js'
import { ALIGNMENT } from './formats.js'
import type { Blueprint } from './layout.js'
import { damaged, decodeMetadata, type PackedMetadata, type PartChecksums, SHA256_HEX } from './packed-metadata.js'

export type { PackedMetadata } from './packed-metadata.js'

export interface PackedRange extends PartChecksums {
  /** Bytes from the start of the file, a multiple of 64. */
  offset: number
  bytes: number
}

/** Table of contents of a packed file. The file is not open. */
export interface PackedFile {
  path: string
  metadata: PackedMetadata
  /** Ranges by the names of the layout's parts, in the order of the file. */
  parts: Map<string, PackedRange>
}

const CRC32_HEX = /^[0-9a-f]{8}$/

/**
 * Reads the table of contents of a packed file, but not its weights. Rejects with a UserError if the file is missing,
 * cut short, no safetensors file, an ordinary checkpoint, of a later format or damaged.
 */
export function openPackedFile(path: string): Promise<PackedFile> {
  return whileOpen(openLocalFile(path), readPackedFile)
}

/** Reads the table of contents of a packed file that is open. Rejects as `openPackedFile` does. */
export async function readPackedFile(source: ByteSource): Promise<PackedFile> {
  const { name: path } = source
  const { tensors, metadata: strings } = await readSafetensors(source)
  const { metadata, checksums, crc32 } = decodeMetadata(strings, path)
  const parts = new Map<string, PackedRange>()
  for (const tensor of tensors) {
    const { name } = tensor
    parts.set(name, rangeOf(tensor, { sha256: checksums[name], crc32: crc32[name] }, path))
  }
  return { path, metadata, parts }
}

function rangeOf(tensor: Tensor, { sha256, crc32 }: Record<keyof PartChecksums, unknown>, path: string): PackedRange {
  const { name, dtype, shape, offset } = tensor
  if (dtype !== 'U8' || shape.length !== 1) throw damaged(path, `has a part ${printable(name)} that is not plain bytes`)
  if (offset % ALIGNMENT !== 0) throw damaged(path, `has a part ${printable(name)} at the unaligned byte ${offset}`)
  const isCrc = typeof crc32 === 'string' && CRC32_HEX.test(crc32)
  if (typeof sha256 !== 'string' || !SHA256_HEX.test(sha256) || !isCrc) {
    throw damaged(path, `has no checksum of part ${printable(name)}`)
  }
  return { offset, bytes: shape[0], sha256, crc32 }
}

/**
 * Checks that a packed file holds the model that a config.json describes. Throws a UserError that names the difference.
 * Goes part by part, so that a config.json with absurd numbers fails at the first part and not after all have been
 * planned.
 */
export function checkParts(file: PackedFile, blueprint: Pick<Blueprint, 'parts'>): void {
  const mismatch = (why: string) =>
    new UserError(`${file.path}: ${why}, so it was not packed from the config.json beside it; pack the model again`)
  let planned = 0
  for (const { name, bytes } of blueprint.parts(file.metadata.formats)) {
    planned++
    const range = file.parts.get(name)
    if (range === undefined) throw mismatch(`part ${name} is missing`)
    if (range.bytes !== bytes) throw mismatch(`part ${name} has ${range.bytes} bytes in place of ${bytes}`)
  }
  if (file.parts.size !== planned) {
    throw mismatch(`it has ${file.parts.size} parts in place of ${planned}`)
  }
}
