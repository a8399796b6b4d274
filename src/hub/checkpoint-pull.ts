import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { blueprintOf, parseConfig } from '../architectures/index.js'
import type { FileSet } from '../checkpoint/byte-source.js'
import { type Checkpoint, openCheckpoint } from '../checkpoint/checkpoint.js'
import { localFolder } from '../checkpoint/local-folder.js'
import { isCompanion } from '../packing/format/companions.js'
import { planLayout } from '../packing/format/layout.js'
import { packedFileName, stagedWeights } from '../packing/format/packed-folder.js'
import { checkTensors } from '../packing/write/check-tensors.js'
import { checkpointFormats } from '../packing/write/checkpoint-formats.js'
import { unfitLicences, unknownTensors } from '../packing/write/checkpoint-warnings.js'
import type { PackMatrix } from '../packing/write/pack.js'
import type { SourceRange } from '../packing/write/pack-journal.js'
import { withoutChecksums } from '../packing/write/packed-file-writer.js'
import {
  findLeftovers,
  type Leftovers,
  packResumably,
  type ResumablePacking,
  withFiles,
} from '../packing/write/resumable-packing.js'
import { stageModel } from '../packing/write/staged-model.js'
import { bytesToKeep, keepFiles, verifyKept } from './cached-fetch.js'
import { HashMismatch } from './file-hash.js'
import { describeLicence, isOpen, licenceOf } from './licence.js'
import type { Origin } from './origin.js'
import { checkPlan, type PullPlan, planPull, sourceBytes } from './plan.js'
import type { PullOptions, PullProgress, PullRequest } from './pull-options.js'
import { findPulledModel, type PulledModel } from './pulled-model.js'
import { type Track, trackPhase } from './track.js'
import { verifyRemote } from './verify.js'

/** Resources of this computer that a pull uses. */
export interface PullPlace {
  /** Folder of the pulled model. */
  folder: string
  /** Bytes of memory that this process may take. */
  freeMemory: number
  /** Runs `work` with threads that pack. */
  withPacker<T>(work: (pack: PackMatrix) => Promise<T>): Promise<T>
}

export type PullCallbacks = Pick<PullOptions, 'onPlan' | 'onProgress' | 'onNote' | 'signal'>

/** Bytes of a checkpoint to request ahead of the packing, over a network and from a disk. */
const READ_AHEAD = { hub: 32 * 2 ** 20, disk: 16 * 2 ** 20 }

/** A pull from a known origin. */
export class CheckpointPull {
  /** Ranges that were read to open the checkpoint. */
  private readonly headers: SourceRange[] = []
  /** Counts bytes of weights as they arrive from the hub, once their total is known. */
  private fetching?: ReturnType<Track>

  constructor(
    private readonly request: PullRequest,
    private readonly place: PullPlace,
    private readonly callbacks: PullCallbacks,
    private readonly origin: Origin,
  ) {}

  async run(): Promise<PulledModel> {
    const here = await this.findHere()
    if (here) return here
    const checkpoint = await this.openCheckpoint()
    try {
      return await this.packChecked(checkpoint)
    } finally {
      await checkpoint.close()
    }
  }

  /** Finds the packed model of an earlier pull, if it is what the request asks for. */
  private async findHere(): Promise<PulledModel | undefined> {
    const { repo, quant, verify } = this.request
    const { way, commit } = this.origin
    if (verify || way === 'keep') return undefined
    const found = await findPulledModel(this.place.folder, quant)
    return found?.repo === repo && found.commit === commit ? found : undefined
  }

  /** Opens the checkpoint. With `verify`, notes the ranges of its headers: they decide what is read later. */
  private async openCheckpoint(): Promise<Checkpoint> {
    const { remote, files } = this.origin
    if (!remote) return openCheckpoint(files)
    let isOpening = true
    const watched = remote.repository.watched({
      onBytes: (count) => this.fetching?.add(count),
      onRange: (file, start, bytes) => {
        if (!isOpening || !this.request.verify) return
        this.headers.push({ file, start, bytes: bytes.length, sha256: sha256(bytes) })
      },
    })
    try {
      return await openCheckpoint(watched)
    } finally {
      isOpening = false
    }
  }

  private async packChecked(checkpoint: Checkpoint): Promise<PulledModel> {
    const { repo, quant, verify } = this.request
    const { way, commit } = this.origin
    const config = parseConfig(checkpoint.config, `${checkpoint.name}/config.json`)
    const blueprint = blueprintOf(config)
    const unknown = checkTensors(blueprint, checkpoint.tensors, checkpoint.name)
    const formats = checkpointFormats(blueprint, quant, checkpoint.tensors.keys())
    const files = await this.origin.files.list()
    const companions = files.filter(isCompanion)
    const packing: ResumablePacking = {
      path: stagedWeights(this.place.folder, quant),
      layout: planLayout(blueprint, formats),
      metadata: { quant, formats, source: repo, sourceRevision: commit, files: withoutChecksums(companions) },
      notesReads: verify && way === 'hub',
    }
    const leftovers = await findLeftovers(packing, this.callbacks.signal)
    this.reportLeftovers(leftovers, packing)
    const plan = await this.plan(checkpoint, packing, leftovers)
    this.callbacks.onPlan?.(plan)
    await this.reportLicence()
    checkPlan(plan)
    const conversion = await this.fetchAndPack(checkpoint, packing, leftovers)
    const path = join(this.place.folder, packedFileName(quant))
    const { bytes, warnings } = conversion
    const about = [...unknownTensors(unknown), ...unfitLicences(files)]
    return { path, bytes, repo, commit, quant, wasHere: false, warnings: [...about, ...warnings] }
  }

  private reportLeftovers({ entries, otherCommit }: Leftovers, { layout }: ResumablePacking): void {
    const { repo } = this.request
    if (otherCommit !== undefined) {
      this.callbacks.onNote?.(
        `${repo}: an earlier pull was of commit ${short(otherCommit)}, not ${short(this.origin.commit)}; starting again`,
      )
    }
    if (entries.length > 0) {
      this.callbacks.onNote?.(
        `${repo}: resuming an earlier pull, ${entries.length} of ${layout.parts.length} parts are done`,
      )
    }
  }

  /** Notes a licence that is not open, before the weights are fetched. */
  private async reportLicence(): Promise<void> {
    const licence = await licenceOf(this.origin.files)
    if (!licence || isOpen(licence)) return
    const { repo, environment } = this.request
    this.callbacks.onNote?.(`${repo}: ${describeLicence(licence, `${environment.endpoint}/${repo}`)}`)
  }

  private async plan(checkpoint: Checkpoint, { layout }: ResumablePacking, { entries }: Leftovers): Promise<PullPlan> {
    const { way, commit, remote } = this.origin
    const { repo, quant } = this.request
    const { folder, freeMemory } = this.place
    const done = new Set(entries.map(({ part }) => part))
    const toKeep = way === 'keep' &&
      remote && { folder: remote.cache.path, bytes: await bytesToKeep(remote.cache, remote.repository, checkpoint) }
    const input = { repo, commit, quant, way, checkpoint, layout, done, folder, freeMemory, readAhead: this.readAhead }
    return planPull({ ...input, ...(toKeep && { toKeep }) })
  }

  private get readAhead(): number {
    return this.origin.way === 'hub' ? READ_AHEAD.hub : READ_AHEAD.disk
  }

  /** Fetches the files first if they are to be kept, then packs and publishes the model. */
  private async fetchAndPack(checkpoint: Checkpoint, packing: ResumablePacking, leftovers: Leftovers) {
    const { way, remote, files } = this.origin
    if (way !== 'keep' || !remote) return this.pack(checkpoint, files, packing, leftovers)
    const dir = await keepFiles(remote, checkpoint, this.request.revision, this.track('fetch'))
    const kept = localFolder(dir)
    const local = await openCheckpoint(kept)
    try {
      return await this.pack(local, kept, packing, leftovers)
    } finally {
      await local.close()
    }
  }

  private async pack(checkpoint: Checkpoint, files: FileSet, packing: ResumablePacking, leftovers: Leftovers) {
    const { folder, withPacker } = this.place
    const { way } = this.origin
    const { signal } = this.callbacks
    if (way !== 'hub' && this.request.verify) {
      await verifyKept(checkpoint, this.track('verify'), { signal, onNote: this.callbacks.onNote })
    }
    const { layout } = packing
    const size = (names: Set<string>) =>
      layout.parts.reduce((sum, part) => sum + (names.has(part.name) ? sourceBytes(part, checkpoint.tensors) : 0), 0)
    const total = size(new Set(layout.parts.map(({ name }) => name)))
    const progress = this.track(way === 'hub' ? 'fetch' : 'pack')(
      total,
      size(new Set(leftovers.entries.map(({ part }) => part))),
    )
    const staged = await stageModel(files, folder, this.request.quant, { resume: leftovers.entries.length > 0 })
    if (way === 'hub') this.fetching = progress
    try {
      const conversion = await withPacker((pack) =>
        packResumably(checkpoint, withFiles(packing, staged.files), {
          pack,
          done: leftovers.entries,
          signal,
          readAhead: { reads: this.request.network.connections, bytes: this.readAhead },
          onPart: ({ name }) => progress.item(name),
          onPartDone: (part) => way === 'hub' || progress.add(sourceBytes(part, checkpoint.tensors)),
          check: (reads) => this.check(checkpoint, packing, reads),
        }),
      )
      await staged.publish()
      return conversion
    } catch (error) {
      // After other errors a later pull resumes; here any of the parts may be wrong.
      if (error instanceof HashMismatch) await staged.discard()
      throw error
    }
  }

  /** Fetches the files again, in order, and compares them with the ranges that were read before. */
  private async check(checkpoint: Checkpoint, packing: ResumablePacking, reads: SourceRange[]): Promise<void> {
    const { remote } = this.origin
    if (!packing.notesReads || !remote) return
    const files = checkpoint.files.map((name) => remote.repository.file(name))
    const progress = this.track('verify')(files.reduce((sum, { size }) => sum + size, 0))
    for (const file of files) {
      progress.item(file.name)
      const ranges = [...this.headers, ...reads].filter(({ file: name }) => name === `${file.repo}/${file.name}`)
      await verifyRemote(remote.client, file, ranges, progress.add)
    }
  }

  private track(phase: PullProgress['phase']): Track {
    return trackPhase(phase, this.callbacks.onProgress)
  }
}

function short(commit: string): string {
  return commit.slice(0, 7)
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
