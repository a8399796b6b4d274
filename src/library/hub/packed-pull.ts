import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { UserError } from '../../ground/errors.js'
import { type ByteSource, whileOpen } from '../../ground/files/byte-source.js'
import { openIfPresent } from '../../ground/files/local-folder.js'
import { readConfigFile } from '../../ground/files/small-file.js'
import { verifyChecksums } from '../../model/packing/format/checksums.js'
import { isNote } from '../../model/packing/format/companions.js'
import type { Quant } from '../../model/packing/format/formats.js'
import { planLayout } from '../../model/packing/format/layout.js'
import { checkParts, openPackedFile, type PackedFile, readPackedFile } from '../../model/packing/format/packed-file.js'
import { packedFileName, stagedWeights } from '../../model/packing/format/packed-folder.js'
import { unfitLicences } from '../../model/packing/write/checkpoint-warnings.js'
import { stageModel } from '../../model/packing/write/staged-model.js'
import { diskNeeds } from '../machine/disk.js'
import { readBlueprint } from '../packing/open-pack-source.js'
import { noteLicence } from './licence.js'
import type { Origin } from './origin.js'
import { checkPlan, memoryNeeds, type PullPlan } from './plan.js'
import type { PullCallbacks, PullRequest } from './pull-options.js'
import { trackPhase } from './pull-options.js'
import { hasCompanions, type PulledModel, type PullPlace } from './pulled-model.js'
import { downloadFile } from './transfer/download.js'
import { HashMismatch } from './transfer/file-hash.js'
import type { RepositoryFile } from './transfer/repository.js'

type Remote = Required<Origin>['remote']

/**
 * Fetches a model that is packed already, as it is. Compares the file with the hub's hash, and each part with its
 * checksum. An interrupted fetch resumes. Rejects with a UserError if the model was not packed
 * with the repository's other files.
 */
export async function pullPacked(
  origin: Origin & { remote: Remote },
  quant: Quant,
  request: PullRequest,
  place: PullPlace,
  callbacks: PullCallbacks,
): Promise<PulledModel> {
  const { remote, commit, name: repo } = origin
  const { onNote, onPlan, onProgress } = callbacks
  const { client, repository } = remote
  const { folder, freeMemory } = place
  const file = repository.file(packedFileName(quant))
  const path = join(folder, file.name)
  const result = { path, bytes: file.size, repo, commit, quant }
  const source = await repository.open(file.name)
  const packed = await readPackedFile(source)
  if (!request.verify && (await isHere(path, source, packed))) return { ...result, wasHere: true, warnings: [] }
  const layout = await layoutOf(remote, packed)
  const partial = `${stagedWeights(folder, quant)}.${file.hash.hex.slice(0, 16)}.incomplete`
  const done = Math.min((await stat(partial).catch(() => undefined))?.size ?? 0, file.size)
  if (done > 0) onNote?.(`${repo}: resuming an earlier pull`)
  const plan: PullPlan = {
    ...{ repo, commit, quant, way: 'hub', files: [{ name: file.name, bytes: file.size }] },
    ...{ fetchBytes: file.size - done, packedBytes: file.size, partsDone: 0, parts: packed.parts.size },
    disk: await diskNeeds([{ folder, bytes: file.size - done }]),
    memory: { ...memoryNeeds(layout, 0), packing: 0, free: freeMemory },
  }
  onPlan?.(plan)
  if (request.keep) onNote?.(`${repo}: is packed already, so no other files are kept`)
  await noteLicence(origin, request, onNote)
  checkPlan(plan)
  const staged = await stageModel(repository, folder, quant, { resume: true })
  const progress = trackPhase('fetch', onProgress)(file.size, done)
  progress.item(file.name)
  let isRight = false
  try {
    checkCompanions(packed, staged.files)
    isRight = true
    await downloadFile(client, file, { path: staged.weights, partial }, progress.add)
    await verify(staged.weights, file, callbacks)
    await staged.publish()
  } catch (error) {
    // After other errors a later pull resumes.
    if (!isRight || error instanceof HashMismatch || existsSync(staged.weights)) await staged.discard()
    throw error
  }
  return { ...result, wasHere: false, warnings: unfitLicences(await repository.list()) }
}

/** Plans the parts by the repository's config.json, and compares them with the packed file. */
async function layoutOf({ repository }: Remote, packed: PackedFile) {
  const read = async (config: ByteSource) => readBlueprint(await readConfigFile(config), config.name)
  const blueprint = await whileOpen(repository.open('config.json'), read)
  checkParts(packed, blueprint)
  return planLayout(blueprint, packed.metadata.formats)
}

/** Whether the same file is here, with the files that go with it: all checksums are in its table of contents. */
async function isHere(path: string, source: ByteSource, packed: PackedFile): Promise<boolean> {
  const local = await openIfPresent(path)
  if (!local) return false
  return whileOpen(local, async () => {
    const start = Math.min(...[...packed.parts.values()].map(({ offset }) => offset))
    if (local.size !== source.size || start > local.size) return false
    const [a, b] = await Promise.all([local.read(0, start), source.read(0, start)])
    return Buffer.compare(a, b) === 0 && hasCompanions(dirname(path), packed)
  })
}

/** Rejects with a UserError if the weights were not packed with the files beside them. */
function checkCompanions({ path, metadata }: PackedFile, found: Readonly<Record<string, string>>): void {
  for (const [name, checksum] of Object.entries(metadata.files)) {
    if (isNote(name) || found[name] === checksum) continue
    const what = name in found ? 'is not the file' : 'is missing: the file'
    throw new UserError(`${path}: ${name} in the repository ${what} that the model was packed with`)
  }
}

async function verify(path: string, { size }: RepositoryFile, { signal, onProgress }: PullCallbacks): Promise<void> {
  const progress = trackPhase('verify', onProgress)(size)
  await verifyChecksums(await openPackedFile(path), signal, (name, bytes) => {
    progress.item(name)
    progress.add(bytes)
  })
}
