import { UserError } from '../../ground/errors.js'
import { hasWeights } from '../../model/checkpoint/shards.js'
import { QUANTS, type Quant } from '../../model/packing/format/formats.js'
import { packedFileName } from '../../model/packing/format/packed-folder.js'
import { chooseGguf, DEFAULT_TAG, defaultGguf, type GgufChoice, ggufChoices, isSame, listed } from './gguf-choice.js'
import type { PullRequest } from './pull-options.js'

/** Form of the weights that a pull takes from a repository. */
export type Contents = { kind: 'checkpoint' } | { kind: 'gguf'; choice: GgufChoice } | { kind: 'packed'; quant: Quant }

export interface Names {
  /** Files outside folders. */
  plain: readonly string[]
  /** GGUF files, in at most one folder. */
  gguf: readonly string[]
}

/**
 * Decides what a pull takes: a packed model of the packing asked for, else a checkpoint, else a GGUF file. A tag asks for
 * a GGUF file. Throws a UserError that lists the choices if there is nothing of that name.
 */
export function contentsOf({ plain, gguf }: Names, request: PullRequest, note: (message: string) => void): Contents {
  const { repo, suffix, quant } = request
  const choices = ggufChoices(gguf)
  const packings = QUANTS.filter((known) => plain.includes(packedFileName(known)))
  const isCheckpoint = hasWeights(plain)
  const asked = QUANTS.find((known) => known === suffix)
  if (suffix !== undefined && asked === undefined) {
    if (choices.length > 0) return { kind: 'gguf', choice: chooseGguf(choices, suffix, repo) }
    throw new UserError(`${repo}: has no GGUF files, so there is no '${suffix}' of it; ${packingsOf(repo, packings)}`)
  }
  const wanted = asked ?? quant
  if (packings.includes(wanted ?? 'q4')) return { kind: 'packed', quant: wanted ?? 'q4' }
  if (isCheckpoint) return { kind: 'checkpoint' }
  if (packings.length > 0 && choices.length === 0) {
    if (wanted !== undefined || packings.length > 1) {
      throw new UserError(`${repo}: is not there as ${wanted ?? 'q4'}; ${packingsOf(repo, packings)}`)
    }
    return { kind: 'packed', quant: packings[0] }
  }
  if (choices.length === 0) return { kind: 'checkpoint' }
  if (asked !== undefined) return { kind: 'gguf', choice: chooseGguf(choices, asked, repo) }
  const choice = defaultGguf(choices, repo)
  if (choices.length > 1) note(`${repo}: taking ${choice.tag}; there ${listed(choices)}`)
  return { kind: 'gguf', choice }
}

/** Finds a GGUF file in the hub's cache. Without a tag only the default is taken, unless the hub is not asked. */
export function cachedGguf(
  names: readonly string[],
  { repo, suffix }: PullRequest,
  isOffline: boolean,
): GgufChoice | undefined {
  const present = new Set(names)
  const choices = ggufChoices(names).filter(({ folder, files }) =>
    files.every((file) => present.has(pathIn(folder, file))),
  )
  if (choices.length === 0) return undefined
  if (suffix === undefined)
    return isOffline ? defaultGguf(choices, repo) : choices.find(({ tag }) => isSame(tag, DEFAULT_TAG))
  try {
    return chooseGguf(choices, suffix, repo)
  } catch {
    return undefined
  }
}

export function pathIn(folder: string, file: string): string {
  return folder === '' ? file : `${folder}/${file}`
}

/** Name of a pulled model: its repository's, with the tag of a GGUF file. */
export function modelName(repo: string, contents: Contents): string {
  return contents.kind === 'gguf' ? `${repo}:${contents.choice.tag}` : repo
}

function packingsOf(repo: string, packings: readonly Quant[]): string {
  if (packings.length === 0) return `molm packs its checkpoint: \`molm pull ${repo}\`, or ${repo}:q8`
  return `it is packed as ${packings.join(', ')}: \`molm pull ${repo}:${packings[0]}\``
}
