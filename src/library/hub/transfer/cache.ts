import { existsSync } from 'node:fs'
import { copyFile, readdir, realpath, rename, rm, symlink } from 'node:fs/promises'
import { basename, dirname, join, relative, sep } from 'node:path'
import { cannotWrite, makeFolder } from '../../../ground/files/folders.js'
import { localFolder } from '../../../ground/files/local-folder.js'
import { MOST_CONFIG_BYTES, readSmallFile } from '../../../ground/files/small-file.js'
import { writeAtomically } from '../../../ground/files/write-atomically.js'
import { openCheckpoint } from '../../../model/checkpoint/checkpoint.js'
import { isGguf } from '../../../model/gguf/file/split-names.js'
import type { KnownHash } from './file-hash.js'

/** A checkpoint that is complete in the cache. */
export interface CachedCheckpoint {
  commit: string
  /** Folder of links into the blobs. */
  dir: string
  hasTokenizer: boolean
}

const COMMIT = /^[0-9a-f]{40}$/

/**
 * The part of the hub's download cache that belongs to one repository, laid out as the hub's Python library does:
 * blobs/HASH, snapshots/COMMIT/NAME -> ../../blobs/HASH, refs/REVISION with the commit in it.
 */
export class CacheFolder {
  readonly path: string

  constructor(cache: string, repo: string) {
    this.path = join(cache, `models--${repo.replaceAll('/', '--')}`)
  }

  /** Finds the checkpoint at a revision (branch, tag or commit). Undefined if it or some weights are not here. */
  async checkpoint(revision: string): Promise<CachedCheckpoint | undefined> {
    const snapshot = await this.snapshot(revision)
    if (!snapshot || !existsSync(join(snapshot.dir, 'config.json'))) return undefined
    const { dir } = snapshot
    try {
      await (await openCheckpoint(localFolder(dir))).close()
      const hasTokenizer = ['tokenizer.json', 'vocab.json'].some((name) => existsSync(join(dir, name)))
      return { ...snapshot, hasTokenizer }
    } catch {
      return undefined
    }
  }

  /** Finds the GGUF files, in at most one folder, at a revision. Undefined if the cache lacks the revision. */
  async ggufFiles(revision: string): Promise<{ commit: string; dir: string; names: string[] } | undefined> {
    const snapshot = await this.snapshot(revision)
    if (!snapshot) return undefined
    const { dir } = snapshot
    const paths = await readdir(dir, { recursive: true }).catch(() => [])
    // A link to a blob that is gone is no file.
    const names = paths
      .map((path) => path.split(sep).join('/'))
      .filter((path) => isGguf(path) && existsSync(join(dir, path)))
    return { ...snapshot, names: names.filter((path) => path.split('/').length <= 2) }
  }

  /** Path of a file's contents once they are complete. */
  blob({ hex }: KnownHash): string {
    return join(this.path, 'blobs', hex)
  }

  /** Links the blob into a snapshot under the file's name. Copies it if links are not allowed. */
  async link(commit: string, name: string, hash: KnownHash): Promise<void> {
    const path = join(this.path, 'snapshots', commit, name)
    const made = `${path}.${process.pid}`
    try {
      await makeFolder(dirname(path))
      await rm(made, { force: true })
      await symlink(relative(dirname(path), this.blob(hash)), made).catch(() => copyFile(this.blob(hash), made))
      await rename(made, path)
    } catch (error) {
      await rm(made, { force: true }).catch(() => undefined)
      throw cannotWrite(path, error)
    }
  }

  async writeRef(revision: string, commit: string): Promise<void> {
    if (revision === commit) return
    const path = join(this.path, 'refs', revision)
    await makeFolder(dirname(path))
    await writeAtomically(path, [commit])
  }

  /** The commit of a revision, and its folder, which may not be there. Undefined for an unknown revision. */
  private async snapshot(revision: string): Promise<{ commit: string; dir: string } | undefined> {
    const read = () => readSmallFile(join(this.path, 'refs', revision), MOST_CONFIG_BYTES).catch(() => undefined)
    const commit = COMMIT.test(revision) ? revision : new TextDecoder().decode(await read()).trim()
    return COMMIT.test(commit) ? { commit, dir: join(this.path, 'snapshots', commit) } : undefined
  }
}

/** Hash of a snapshot's file, read from the name of the blob that it links to. Undefined if it is not such a link. */
export async function cachedHash(path: string): Promise<KnownHash | undefined> {
  const hex = basename(await realpath(path))
  if (/^[0-9a-f]{64}$/.test(hex)) return { kind: 'sha256', hex }
  return COMMIT.test(hex) ? { kind: 'git', hex } : undefined
}
