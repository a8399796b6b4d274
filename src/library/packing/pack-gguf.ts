import { rm } from 'node:fs/promises'
import os from 'node:os'
import { basename, dirname } from 'node:path'
import type { LoadOptions } from '../../api/model.js'
import { UserError } from '../../ground/errors.js'
import { NO_FILES, whileOpen } from '../../ground/files/byte-source.js'
import { molmHome } from '../../ground/files/home.js'
import { localFolder } from '../../ground/files/local-folder.js'
import { takeLock } from '../../ground/files/lock.js'
import { phrase } from '../../ground/message.js'
import { isCompanion } from '../../model/packing/format/companions.js'
import type { Quant } from '../../model/packing/format/formats.js'
import { planLayout } from '../../model/packing/format/layout.js'
import { packingsIn, stagedWeights } from '../../model/packing/format/packed-folder.js'
import { checkTensors } from '../../model/packing/write/check-tensors.js'
import type { PackSource } from '../../model/packing/write/pack-source.js'
import { withoutChecksums } from '../../model/packing/write/packed-file-writer.js'
import {
  findLeftovers,
  packResumably,
  type ResumablePacking,
  withFiles,
} from '../../model/packing/write/resumable-packing.js'
import { stageModel } from '../../model/packing/write/staged-model.js'
import { copyFolder, copyLock, fingerprintOf, freshCopy } from '../folders/gguf-copies.js'
import { checkDisks, diskNeeds } from '../machine/disk.js'
import { openPackSource } from './open-pack-source.js'
import { storeTokenizer } from './store-tokenizer.js'
import { withPacker } from './with-packer.js'

type PackOptions = Pick<LoadOptions, 'quant' | 'threads' | 'onPacking' | 'onWarning' | 'signal'>

/**
 * Packs a GGUF file into its folder below MOLM_HOME, unless its copy there is of the present file. An interrupted packing
 * resumes. `path` comes from `ggufPath`. Rejects with a UserError if another process packs it, or if the copy cannot be
 * written.
 */
export async function packGguf(path: string, options: PackOptions): Promise<void> {
  const folder = copyFolder(path, options.quant)
  try {
    const lock = await takeLock(copyLock(folder), `packing ${path}`)
    try {
      if (await freshCopy(path, options.quant)) return
      await packInto(folder, path, options)
    } finally {
      await lock.release()
    }
  } catch (error) {
    if (!(error instanceof UserError && error.message.startsWith(molmHome()))) throw error
    throw new UserError(phrase`${error}\nset MOLM_HOME to another folder, or choose one with \`molm convert\``)
  }
}

async function packInto(folder: string, path: string, options: PackOptions): Promise<void> {
  const { quant, threads = os.availableParallelism(), onPacking, onWarning, signal } = options
  // Read first: a file that changes meanwhile is packed again.
  const fingerprint = await fingerprintOf(path)
  const opening = openPackSource(localFolder(dirname(path)), {
    quant,
    gguf: { file: basename(path), notes: NO_FILES },
  })
  await whileOpen(opening, async (source) => {
    checkTensors(source.blueprint, source.tensors, source.name, source.formats)
    const packing = await packingOf(source, folder, path, fingerprint)
    const { entries } = await findLeftovers(packing, signal)
    const done = new Set(entries.map(({ part }) => part))
    const { layout } = packing
    const sizes = new Map(layout.parts.map(({ name, bytes }) => [name, bytes]))
    let bytesDone = [...done].reduce((sum, name) => sum + (sizes.get(name) ?? 0), 0)
    checkDisks(basename(path), await diskNeeds([{ folder, bytes: layout.bytes - bytesDone }]))
    const report = (bytes: number) => {
      bytesDone += bytes
      onPacking?.({ file: path, folder, bytesDone, bytes: layout.bytes })
    }
    report(0)
    for (const warning of source.warnings?.() ?? []) onWarning?.(warning)
    const staged = await stageModel(source.companions, folder, source.quant, { resume: done.size > 0 })
    await withPacker(threads, (pack) =>
      packResumably(source, withFiles(packing, staged.files), {
        ...{ pack, done: entries, signal },
        onPartDone: (part) => report(part.bytes),
      }),
    )
    await staged.publish()
    await removeOthers(folder, source.quant)
  })
  await storeTokenizer(folder)
}

async function packingOf(
  { companions, blueprint, quant, formats }: PackSource,
  folder: string,
  path: string,
  fingerprint: string,
): Promise<ResumablePacking> {
  const files = withoutChecksums((await companions.list()).filter(isCompanion))
  return {
    path: stagedWeights(folder, quant),
    layout: planLayout(blueprint, formats),
    metadata: { quant, formats, source: path, sourceRevision: fingerprint, files },
  }
}

/** Removes the packing of an earlier state of the file, which may have another name. */
async function removeOthers(folder: string, quant: Quant): Promise<void> {
  const { quants, paths } = await packingsIn(folder)
  for (const [i, path] of paths.entries()) if (quants[i] !== quant) await rm(path, { force: true })
}
