import { createHash } from 'node:crypto'
import { open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ByteSource, FileSet } from '../../checkpoint/byte-source.js'
import { openLocalFile } from '../../checkpoint/local-folder.js'
import { UserError } from '../../errors.js'
import { printable } from '../../printable.js'
import { checksumOf } from './checksums.js'
import { openPackedFile } from './packed-file.js'

/** Files that go with the weights from a checkpoint into a packed model, where the checkpoint has them. */
const COMPANIONS = [
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.json',
  'merges.txt',
  'chat_template.jinja',
  'README.md',
  'selection.json',
  'teaching.csv',
  'teaching.svg',
]

const PIECE_BYTES = 4 * 2 ** 20

/** Most bytes of the name of a licence. File systems take 255, and a partial file has a longer name than the whole one. */
const MOST_NAME_BYTES = 200

/** Whether a file of a checkpoint goes with its packed weights. */
export function isCompanion(file: string): boolean {
  return COMPANIONS.includes(file) || (isLicence(file) && hasGoodName(file))
}

/** Licences of a checkpoint that are left out, since their names are too long or could steer a terminal. */
export function licencesLeftOut(files: readonly string[]): string[] {
  return files.filter((file) => isLicence(file) && !hasGoodName(file))
}

function isLicence(file: string): boolean {
  return file.startsWith('LICENSE')
}

function hasGoodName(file: string): boolean {
  return printable(file, Infinity) === file && Buffer.byteLength(file) <= MOST_NAME_BYTES
}

/** Whether a companion is meant for readers, and so may be a note of the user's own. */
export function isNote(file: string): boolean {
  return file === 'README.md' || isLicence(file)
}

/** Largest companion: a large tokenizer has a tenth of it, and whatever is larger is something else. */
const MOST_BYTES = 64 * 2 ** 20

/**
 * Puts the companions of a checkpoint into a folder, and `texts` by name beside them or in their place. The contents
 * alone are copied: links into a download cache and read-only modes stay behind. Returns the SHA-256 of each, by name. Rejects
 * with a UserError that names a file which is far too large.
 */
export async function copyCompanions(
  checkpoint: FileSet,
  to: string,
  texts: Readonly<Record<string, string>>,
): Promise<Record<string, string>> {
  const checksums: Record<string, string> = {}
  for (const name of (await checkpoint.list()).filter(isCompanion).sort()) {
    const source = await checkpoint.open(name)
    try {
      if (source.size > MOST_BYTES) {
        throw new UserError(
          `${source.name}: ${source.size} bytes are too many beside a model, at most ${MOST_BYTES} are copied`,
        )
      }
      checksums[name] = await copy(source, join(to, name))
    } finally {
      await source.close()
    }
  }
  for (const [name, text] of Object.entries(texts)) {
    await writeFile(join(to, name), text, { flush: true })
    checksums[name] = createHash('sha256').update(text).digest('hex')
  }
  return checksums
}

/**
 * The notes in a folder that are the user's own: README.md and LICENSE files that none of the packed files there has
 * brought along, or that were changed since.
 */
export async function ownNotes(
  dir: string,
  files: readonly string[],
  packedFiles: readonly string[],
): Promise<string[]> {
  const brought = new Set<string>()
  for (const packed of packedFiles) {
    const file = await openPackedFile(join(dir, packed)).catch(() => undefined)
    for (const [name, checksum] of Object.entries(file?.metadata.files ?? {})) brought.add(`${name} ${checksum}`)
  }
  const own: string[] = []
  for (const name of files.filter(isNote)) {
    const checksum = await checksumOfFile(join(dir, name)).catch(() => undefined)
    if (!brought.has(`${name} ${checksum}`)) own.push(name)
  }
  return own
}

/** In pieces, since a file may have any length. */
async function copy(source: ByteSource, path: string): Promise<string> {
  const hash = createHash('sha256')
  const target = await open(path, 'w')
  try {
    for (let done = 0; done < source.size; done += PIECE_BYTES) {
      const bytes = await source.read(done, Math.min(PIECE_BYTES, source.size - done))
      await target.writeFile(bytes)
      hash.update(bytes)
    }
    await target.sync()
  } finally {
    await target.close()
  }
  return hash.digest('hex')
}

async function checksumOfFile(path: string): Promise<string> {
  const source = await openLocalFile(path)
  try {
    return await checksumOf(source, { offset: 0, bytes: source.size })
  } finally {
    await source.close()
  }
}
