import { join } from 'node:path'
import { blueprintOf, layoutOf, parseConfig } from '../architectures/index.js'
import type { FileSet } from '../checkpoint/byte-source.js'
import { type Checkpoint, openCheckpoint } from '../checkpoint/checkpoint.js'
import { localFolder } from '../checkpoint/local-folder.js'
import { takeLock } from '../files/lock.js'
import { isCompanion } from '../packing/format/companions.js'
import { formatsFor } from '../packing/format/formats.js'
import { packedFileName, stagedWeights, stageModel } from '../packing/format/packed-folder.js'
import { checkTensors } from '../packing/write/check-tensors.js'
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
import { bytesToKeep, keepFiles, verifyKept } from './cached-fetch.js'
import { HashMismatch } from './file-hash.js'
import { describeLicence, isOpen, licenceOf } from './licence.js'
import { type Origin, withOrigin } from './origin.js'
import { checkPlan, diskNeeds, memoryNeeds, type PullPlan, sourceBytes } from './plan.js'
import { DEFAULT_REVISION, type PullOptions, type PullProgress, type PullRequest } from './pull-options.js'
import { findPulledBefore } from './pulled-before.js'
import { Unreachable } from './retry.js'
import { type Track, trackPhase } from './track.js'
import { verifyRemote } from './verify.js'

/** A model that has been pulled. */
export interface PulledModel {
  /** The packed file. */
  path: string
  bytes: number
  repo: string
  commit: string
  quant: PullRequest['quant']
  /** Whether it was here already, at this commit. */
  wasHere: boolean
  /** Lines for the user about the checkpoint. */
  warnings: string[]
}

/** Where a pulled model is kept. */
export interface PullPlace {
  /** Folder of the pulled model. */
  folder: string
  /** Lock file. */
  lock: string
}

/** What a pull needs of this computer. */
export interface PullComputer {
  placeOf(repo: string): PullPlace
  /** Lets the model `repo` be called by a former name as well. */
  alsoCall(former: string, repo: string): Promise<void>
  freeMemory: number
  /** Runs `work` with threads that pack. */
  withPacker<T>(work: (pack: PackMatrix) => Promise<T>): Promise<T>
}

type Callbacks = Pick<PullOptions, 'onPlan' | 'onProgress' | 'onNote' | 'signal'>

/** Bytes of a checkpoint that are asked for ahead of the packing, over a network and from a disk. */
const READ_AHEAD = { hub: 32 * 2 ** 20, disk: 16 * 2 ** 20 }

/**
 * Pulls a model, from the hub's cache where it lies there, else from the hub. Without an answer from the hub a model that
 * is here already will do.
 */
export async function pull(request: PullRequest, computer: PullComputer, callbacks: Callbacks): Promise<PulledModel> {
  try {
    return await withOrigin(request, callbacks, (origin) => pullFrom(origin, request, computer, callbacks))
  } catch (error) {
    const here = error instanceof Unreachable ? await findUnchecked(request, computer) : undefined
    if (!here) throw error
    callbacks.onNote?.(`${request.repo}: the hub was not asked whether there is anything newer`)
    return here
  }
}

async function pullFrom(
  origin: Origin,
  request: PullRequest,
  computer: PullComputer,
  callbacks: Callbacks,
): Promise<PulledModel> {
  const { repo } = origin
  const isRenamed = repo !== request.repo
  if (isRenamed) callbacks.onNote?.(`${request.repo} is now called ${repo}`)
  const place = computer.placeOf(repo)
  const lock = await takeLock(place.lock, `a pull of ${repo}`)
  try {
    const model = await new Pull({ ...request, repo }, { ...computer, ...place }, callbacks, origin).run()
    if (isRenamed) await computer.alsoCall(request.repo, repo)
    return model
  } finally {
    await lock.release()
  }
}

/** The model of an earlier pull, which the hub may have a newer one of. */
async function findUnchecked(request: PullRequest, computer: PullComputer): Promise<PulledModel | undefined> {
  const { repo, quant, revision, verify, keep } = request
  if (verify || keep) return undefined
  const found = await findPulledBefore(computer.placeOf(repo).folder, quant)
  const isWanted = revision === DEFAULT_REVISION || found?.commit === revision
  return found && isWanted ? { ...found, wasHere: true, warnings: [] } : undefined
}

/** One pull, whose origin is known. */
class Pull {
  private readonly opened: SourceRange[] = []

  constructor(
    private readonly request: PullRequest,
    private readonly place: PullPlace & Pick<PullComputer, 'freeMemory' | 'withPacker'>,
    private readonly callbacks: Callbacks,
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

  /** The packed model of an earlier pull, if nothing else was asked for than what it is. */
  private async findHere(): Promise<PulledModel | undefined> {
    const { repo, quant, verify } = this.request
    const { way, commit } = this.origin
    if (verify || way === 'keep') return undefined
    const found = await findPulledBefore(this.place.folder, quant)
    if (found?.repo !== repo || found.commit !== commit) return undefined
    return { ...found, wasHere: true, warnings: [] }
  }

  /** What its headers say decides what is read later, so these ranges are checked too. */
  private async openCheckpoint(): Promise<Checkpoint> {
    const { remote, files } = this.origin
    if (remote && this.request.verify) {
      remote.repository.onRange = (range) => this.opened.push(range)
    }
    try {
      return await openCheckpoint(files)
    } finally {
      if (remote) remote.repository.onRange = undefined
    }
  }

  private async packChecked(checkpoint: Checkpoint): Promise<PulledModel> {
    const { repo, quant, verify } = this.request
    const { way, commit } = this.origin
    const config = parseConfig(checkpoint.config, `${checkpoint.name}/config.json`)
    const unknown = checkTensors(blueprintOf(config), checkpoint.tensors, checkpoint.name)
    const formats = formatsFor(quant)
    const files = await this.origin.files.list()
    const companions = files.filter(isCompanion)
    const packing: ResumablePacking = {
      path: stagedWeights(this.place.folder, quant),
      layout: layoutOf(config, formats),
      metadata: { quant, formats, source: repo, sourceRevision: commit, files: withoutChecksums(companions) },
      notesReads: verify && way === 'hub',
    }
    const leftovers = await findLeftovers(packing, this.callbacks.signal)
    this.tellOfLeftovers(leftovers, packing)
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

  private tellOfLeftovers({ entries, otherCommit }: Leftovers, { layout }: ResumablePacking): void {
    const { repo } = this.request
    if (otherCommit !== undefined) {
      this.callbacks.onNote?.(
        `${repo}: what an earlier pull left is of commit ${short(otherCommit)}, not ${short(this.origin.commit)}; starting anew`,
      )
    }
    if (entries.length > 0) {
      this.callbacks.onNote?.(
        `${repo}: going on where a pull stopped, ${entries.length} of ${layout.parts.length} parts are done`,
      )
    }
  }

  /** Names a licence that is not open, before the weights are fetched. */
  private async reportLicence(): Promise<void> {
    const licence = await licenceOf(this.origin.files)
    if (!licence || isOpen(licence)) return
    const { repo, environment } = this.request
    this.callbacks.onNote?.(`${repo}: ${describeLicence(licence, `${environment.endpoint}/${repo}`)}`)
  }

  private async plan(checkpoint: Checkpoint, { layout }: ResumablePacking, { entries }: Leftovers): Promise<PullPlan> {
    const { way, commit, remote } = this.origin
    const done = new Set(entries.map(({ part }) => part))
    const left = layout.parts.filter(({ name }) => !done.has(name))
    const bytes = new Map([...checkpoint.tensors.values()].map(({ source }) => [source.name, source.size]))
    const toRead = left.reduce((sum, part) => sum + sourceBytes(part, checkpoint.tensors), 0)
    const toKeep = way === 'keep' && remote ? await bytesToKeep(remote.cache, remote.repository, checkpoint) : 0
    return {
      repo: this.request.repo,
      commit,
      quant: this.request.quant,
      way,
      files: checkpoint.files.map((name) => ({ name, bytes: bytes.get(`${checkpoint.name}/${name}`) ?? 0 })),
      fetchBytes: way === 'hub' ? toRead : toKeep,
      packedBytes: layout.bytes,
      partsDone: entries.length,
      parts: layout.parts.length,
      disk: await diskNeeds([
        { folder: this.place.folder, bytes: left.reduce((sum, part) => sum + part.bytes, 0) },
        ...(remote && way === 'keep' ? [{ folder: remote.cache.path, bytes: toKeep }] : []),
      ]),
      memory: { ...memoryNeeds(layout, this.readAhead), free: this.place.freeMemory },
    }
  }

  private get readAhead(): number {
    return this.origin.way === 'hub' ? READ_AHEAD.hub : READ_AHEAD.disk
  }

  /** Brings the files here if they are to be kept, packs, and gives the model its place when all is well. */
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
    const { way, remote } = this.origin
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
    if (way === 'hub' && remote) remote.repository.onBytes = (count) => progress.add(count)
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
      // Other errors leave what is done to a later pull; here nobody knows which part of it is wrong.
      if (error instanceof HashMismatch) await staged.discard()
      throw error
    }
  }

  /** Fetches the files again, in order, and compares all that was read of them before. */
  private async check(checkpoint: Checkpoint, packing: ResumablePacking, reads: SourceRange[]): Promise<void> {
    const { remote } = this.origin
    if (!packing.notesReads || !remote) return
    const files = checkpoint.files.map((name) => remote.repository.file(name))
    const progress = this.track('verify')(files.reduce((sum, { size }) => sum + size, 0))
    for (const file of files) {
      progress.item(file.name)
      const ranges = [...this.opened, ...reads].filter(({ file: name }) => name === `${file.repo}/${file.name}`)
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
