import { join } from 'node:path'
import { type FileSet, whileOpen } from '../../ground/files/byte-source.js'
import { localFolder } from '../../ground/files/local-folder.js'
import { sha256Hex } from '../../ground/platform/checksums.js'
import { isCompanion } from '../../model/packing/format/companions.js'
import type { PartFormats, Quant } from '../../model/packing/format/formats.js'
import { type Part, planLayout } from '../../model/packing/format/layout.js'
import { packedFileName, stagedWeights } from '../../model/packing/format/packed-folder.js'
import { checkTakesInputs } from '../../model/packing/write/calibrate.js'
import { checkTensors } from '../../model/packing/write/check-tensors.js'
import { unfitLicences, unknownTensors } from '../../model/packing/write/checkpoint-warnings.js'
import type { PackMatrix } from '../../model/packing/write/pack.js'
import type { PackSource, WeightFile } from '../../model/packing/write/pack-source.js'
import { withoutChecksums } from '../../model/packing/write/packed-file-writer.js'
import {
  calibrateResumably,
  findLeftovers,
  type Leftovers,
  packResumably,
  type ResumablePacking,
  takeOver,
  withFiles,
} from '../../model/packing/write/resumable-packing.js'
import { stageModel } from '../../model/packing/write/staged-model.js'
import { openPackSource, type SourceRequest } from '../packing/open-pack-source.js'
import { withPacker } from '../packing/with-packer.js'
import { bytesToKeep, keepFiles, verifyKept } from './cached-fetch.js'
import { pathIn } from './contents.js'
import { noteLicence } from './licence.js'
import type { Origin } from './origin.js'
import { checkPlan, type PullPlan, planPull, sourceBytes } from './plan.js'
import {
  DEFAULT_QUANT,
  DEFAULT_REVISION,
  type PullCallbacks,
  type PullProgress,
  type PullRequest,
  type Track,
  trackPhase,
} from './pull-options.js'
import { findPulledModel, type PulledModel, type PullPlace } from './pulled-model.js'
import { HashMismatch } from './transfer/file-hash.js'
import { type SourceRange, verifyRemote } from './transfer/verify.js'
import { findUnchanged, type Unchanged } from './unchanged.js'

/** Bytes of a checkpoint to request ahead of the packing, over a network and from a disk. */
const READ_AHEAD = { hub: 32 * 2 ** 20, disk: 16 * 2 ** 20 }

const FETCHED_TWICE = 'the weights are fetched twice, to pack them and to calibrate; with `keep` they are fetched once'

const NOT_RESUMED =
  'to see every byte, `verify` does not resume an interrupted pull; with `keep` a pull resumes, and verifies too'

export class CheckpointPull {
  /** Ranges of the weights that were read, to verify them. */
  private readonly reads: SourceRange[] = []
  /** Counts bytes of weights as they arrive from the hub, once their total is known. */
  private fetching?: ReturnType<Track>

  constructor(
    private readonly request: PullRequest,
    private readonly place: PullPlace,
    private readonly callbacks: PullCallbacks,
    private readonly origin: Origin,
  ) {}

  async run(): Promise<PulledModel> {
    const { contents } = this.origin
    // The formats of a GGUF file are in its header.
    const here = contents.kind === 'gguf' ? undefined : await this.findHere(this.request.quant ?? DEFAULT_QUANT)
    if (here) return here
    return whileOpen(this.openSource(), async (source) => {
      const same = contents.kind === 'gguf' && (await this.findHere(source.quant, source.formats))
      return same || this.packChecked(source)
    })
  }

  /** Finds the packed model of an earlier pull, if it is what the request asks for. */
  private async findHere(quant: Quant, formats?: PartFormats): Promise<PulledModel | undefined> {
    const { verify } = this.request
    const { way, commit, name } = this.origin
    if (verify || way === 'keep') return undefined
    const { folder, calibration } = this.place
    const found = await findPulledModel(folder, quant, { formats, calibration })
    return found?.repo === name && found.commit === commit ? found : undefined
  }

  /** Opens the weights. With `verify`, every range that is read of them is noted. */
  private async openSource(): Promise<PackSource> {
    const { remote, files, local = files } = this.origin
    if (!remote) return openPackSource(local, this.sourceRequest(files))
    const watched = remote.repository.within(this.folder, {
      onBytes: (count) => this.fetching?.add(count),
      onRange: (file, start, bytes) => {
        if (this.request.verify) this.reads.push({ file, start, bytes: bytes.length, sha256: sha256Hex(bytes) })
      },
    })
    return openPackSource(watched, this.sourceRequest(files))
  }

  private sourceRequest(notes: FileSet): SourceRequest {
    const { contents } = this.origin
    const { quant } = this.request
    return contents.kind === 'gguf' ? { quant, gguf: { file: contents.choice.files[0], notes } } : { quant }
  }

  /** Folder of the weights within the repository. */
  private get folder(): string {
    const { contents } = this.origin
    return contents.kind === 'gguf' ? contents.choice.folder : ''
  }

  private pathsOf({ files }: PackSource): WeightFile[] {
    return files.map(({ name, bytes }) => ({ name: pathIn(this.folder, name), bytes }))
  }

  private async packChecked(source: PackSource): Promise<PulledModel> {
    const { verify } = this.request
    const { way, commit, name: repo } = this.origin
    const { blueprint, quant, formats } = source
    const unknown = checkTensors(blueprint, source.tensors, source.name, formats)
    if (this.place.calibration) checkTakesInputs(source)
    const files = await source.companions.list()
    const companions = files.filter(isCompanion)
    const packing: ResumablePacking = {
      path: stagedWeights(this.place.folder, quant),
      layout: planLayout(blueprint, formats),
      metadata: {
        ...{ quant, formats, source: repo, sourceRevision: commit, files: withoutChecksums(companions) },
        ...(this.request.revision !== DEFAULT_REVISION && { sourceBranch: this.request.revision }),
      },
      // With a calibration, the second reading decides the weights.
      startsAgain: verify && way === 'hub' && !this.place.calibration,
    }
    let leftovers = await findLeftovers(packing, this.callbacks.signal)
    this.reportLeftovers(leftovers, packing)
    const unchanged = leftovers.entries.length > 0 ? undefined : await this.findUnchanged(source, packing)
    const plan = await this.plan(source, packing, leftovers, unchanged?.parts)
    this.callbacks.onPlan?.(plan)
    // Before the weights are fetched.
    await noteLicence(this.origin, this.request, this.callbacks.onNote)
    checkPlan(plan)
    if (this.place.calibration && way === 'hub') this.callbacks.onNote?.(`${repo}: ${FETCHED_TWICE}`)
    if (verify && way === 'hub') this.callbacks.onNote?.(`${repo}: ${NOT_RESUMED}`)
    if (unchanged) leftovers = await this.takeUnchanged(unchanged, packing)
    const conversion = await this.fetchAndPack(source, packing, leftovers)
    const path = join(this.place.folder, packedFileName(quant))
    const { bytes, warnings } = conversion
    const about = [...(source.warnings?.() ?? []), ...unknownTensors(unknown), ...unfitLicences(files)]
    return { path, bytes, repo, commit, quant, wasHere: false, warnings: [...about, ...warnings] }
  }

  private reportLeftovers({ entries, otherCommit }: Leftovers, { layout }: ResumablePacking): void {
    const { name: repo } = this.origin
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

  /** Finds what the packed model of an earlier commit has of this one, and says what that is. */
  private async findUnchanged(source: PackSource, packing: ResumablePacking): Promise<Unchanged | undefined> {
    const { remote, way, name: repo } = this.origin
    const { verify, environment } = this.request
    if (way !== 'hub' || !remote || verify || this.place.calibration) return undefined
    const path = join(this.place.folder, packedFileName(packing.metadata.quant))
    const found = await findUnchanged({ ...remote, endpoint: environment.endpoint }, path, source, packing)
    if (found) this.callbacks.onNote?.(`${repo}: ${found.sentence}`)
    return found?.unchanged
  }

  /** Copies the parts that have not changed. They are then the leftovers of a pull like any other. */
  private async takeUnchanged({ former, parts }: Unchanged, packing: ResumablePacking): Promise<Leftovers> {
    await takeOver(packing, former, parts, this.callbacks.signal)
    return findLeftovers(packing, this.callbacks.signal)
  }

  /** Plans the pull; `copied` are the parts that have not changed. */
  private async plan(
    source: PackSource,
    { layout }: ResumablePacking,
    { entries }: Leftovers,
    copied: readonly Part[] = [],
  ): Promise<PullPlan> {
    const { way, commit, remote, name: repo } = this.origin
    const { quant, tensors } = source
    const files = this.pathsOf(source)
    const { folder, freeMemory, calibration } = this.place
    const toKeep = way === 'keep' &&
      remote && { folder: remote.cache.path, bytes: await bytesToKeep(remote.cache, remote.repository, files) }
    return planPull({
      repo,
      commit,
      quant,
      way,
      layout,
      folder,
      freeMemory,
      readAhead: this.readAhead,
      source: { tensors, files },
      done: new Set([...entries.map(({ part }) => part), ...copied.map(({ name }) => name)]),
      copied: copied.reduce((sum, { bytes }) => sum + bytes, 0),
      isReadTwice: calibration !== undefined,
      ...(toKeep && { toKeep }),
    })
  }

  private get readAhead(): number {
    return this.origin.way === 'hub' ? READ_AHEAD.hub : READ_AHEAD.disk
  }

  /** Fetches the files first if they are to be kept, then packs and publishes the model. */
  private async fetchAndPack(source: PackSource, packing: ResumablePacking, leftovers: Leftovers) {
    const { way, remote } = this.origin
    if (way !== 'keep' || !remote) return this.pack(source, packing, leftovers)
    const dir = await keepFiles(remote, this.pathsOf(source), this.request.revision, this.track('fetch'))
    const kept = localFolder(join(dir, this.folder))
    const local = openPackSource(kept, this.sourceRequest(localFolder(dir)))
    return whileOpen(local, (local) => this.pack(local, packing, leftovers))
  }

  private async pack(source: PackSource, packing: ResumablePacking, leftovers: Leftovers) {
    const { folder, threads, calibration } = this.place
    const { way } = this.origin
    const { signal } = this.callbacks
    if (way !== 'hub' && this.request.verify) {
      await verifyKept(source, this.track('verify'), { signal, onNote: this.callbacks.onNote })
    }
    const { entries } = leftovers
    const staged = await stageModel(source.companions, folder, source.quant, { resume: entries.length > 0 })
    const plain = withFiles(packing, staged.files)
    try {
      const conversion = await withPacker(threads, async (pack) => {
        const done = new Set(entries.map(({ part }) => part))
        const first = await packResumably(source, plain, {
          ...this.readingOf(source, plain, pack, done),
          done: entries,
        })
        if (!calibration) return first
        const again = { ...plain, startsAgain: this.request.verify && way === 'hub' }
        return calibrateResumably(source, again, {
          ...this.readingOf(source, again, pack, new Set()),
          withCalibration: calibration.withCalibration,
        })
      })
      await staged.publish()
      return conversion
    } catch (error) {
      // After other errors a later pull resumes; here any of the parts may be wrong.
      if (error instanceof HashMismatch) await staged.discard()
      throw error
    }
  }

  /** Options of reading a source once, without the parts that are done, with the progress of that. */
  private readingOf(source: PackSource, packing: ResumablePacking, pack: PackMatrix, done: ReadonlySet<string>) {
    const { way } = this.origin
    const { layout } = packing
    const { connections, requestBytes } = this.request.network
    const size = (wanted: (name: string) => boolean) =>
      layout.parts.reduce((sum, part) => sum + (wanted(part.name) ? sourceBytes(part, source.tensors) : 0), 0)
    const progress = this.track(way === 'hub' ? 'fetch' : 'pack')(
      size(() => true),
      size((name) => done.has(name)),
    )
    if (way === 'hub') this.fetching = progress
    return {
      pack,
      signal: this.callbacks.signal,
      readAhead: { reads: connections, bytes: this.readAhead, together: requestBytes },
      onPart: ({ name }: Part) => progress.item(name),
      onPartDone: (part: Part) => void (way === 'hub' || progress.add(sourceBytes(part, source.tensors))),
      check: () => this.check(source, packing),
    }
  }

  /** Fetches the files again, in order, and compares them with the ranges that were read before. */
  private async check(source: PackSource, { startsAgain }: ResumablePacking): Promise<void> {
    const { remote } = this.origin
    if (!startsAgain || !remote) return
    const files = this.pathsOf(source).map(({ name }) => remote.repository.file(name))
    const progress = this.track('verify')(files.reduce((sum, { size }) => sum + size, 0))
    for (const file of files) {
      progress.item(file.name)
      const ranges = this.reads.filter(({ file: name }) => name === `${file.repo}/${file.name}`)
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
