import { UserError } from '../../ground/errors.js'
import { FAMILY_FILE } from '../../model/families/index.js'
import type { Part } from '../../model/packing/format/layout.js'
import { openPackedFile, type PackedFile } from '../../model/packing/format/packed-file.js'
import type { PackSource } from '../../model/packing/write/pack-source.js'
import { type ResumablePacking, sameParts } from '../../model/packing/write/resumable-packing.js'
import { sourceTensors } from './plan.js'
import type { HubClient } from './transfer/client.js'
import { HubRepository } from './transfer/repository.js'

/** Parts of a packed model of an earlier commit that are the same in the new one. */
export interface Unchanged {
  former: PackedFile
  parts: Part[]
}

interface Remote {
  client: HubClient
  repository: HubRepository
  endpoint: string
}

/**
 * Finds the parts of the packed file at `path` that need not be fetched again: the hub's checksums say which files of the
 * earlier commit are the same. `sentence` says for the user what is kept, or why nothing is. Undefined if there is no
 * packed file of an earlier commit.
 */
export async function findUnchanged(
  remote: Remote,
  path: string,
  source: PackSource,
  packing: ResumablePacking,
): Promise<{ sentence: string; unchanged?: Unchanged } | undefined> {
  const former = await openPackedFile(path).catch(() => undefined)
  const { source: repo, sourceRevision: commit } = former?.metadata ?? {}
  if (!former || commit === undefined || commit === packing.metadata.sourceRevision) return undefined
  if (repo !== packing.metadata.source) return undefined
  const nothing = (why: string) => ({ sentence: `all weights are fetched again: ${why}` })
  if (former.metadata.calibration) return nothing('the packed model was calibrated, and this one is not')
  const { repository } = remote
  const before = await repositoryAt(remote, commit)
  if (!before) return nothing(`the hub does not say any more what was in ${commit.slice(0, 7)}`)
  const isSame = (name: string) => before.has(name) && before.file(name).hash.hex === repository.file(name).hash.hex
  const changed = (await repository.list()).find((name) => decides(name) && !isSame(name))
  if (changed !== undefined) return nothing(`${changed} has changed`)
  const fileOf = (name: string) => name.slice(repository.name.length + 1)
  const stays = (part: Part) =>
    sourceTensors(part, source.tensors).every(({ source: { name } }) => isSame(fileOf(name)))
  const parts = sameParts(packing, former, stays)
  if (parts.length === 0) return nothing('the files of the weights have changed, or are packed in another way now')
  const of = packing.layout.parts.length
  return {
    sentence: `${parts.length} of ${of} parts are the same as in ${commit.slice(0, 7)}`,
    unchanged: { former, parts },
  }
}

/** Files that decide which tensors make up a part. */
function decides(name: string): boolean {
  return name === 'config.json' || name === FAMILY_FILE || name.endsWith('.index.json')
}

/** The repository at another commit; undefined if the hub does not have it any more. */
async function repositoryAt({ client, repository, endpoint }: Remote, commit: string) {
  try {
    return await HubRepository.open(client, endpoint, repository.name, commit)
  } catch (error) {
    if (error instanceof UserError && !client.isAborted) return undefined
    throw error
  }
}
