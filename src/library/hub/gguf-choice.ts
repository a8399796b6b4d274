import { UserError } from '../../ground/errors.js'
import { printable } from '../../ground/printable.js'
import { isGguf, partNames } from '../../model/gguf/file/split-names.js'

/** A model in a repository of GGUF files: one file, or all parts of a split one. */
export interface GgufChoice {
  /** Name after the colon, such as `Q4_K_M`: the quantisation in the file's name, else the name itself. */
  tag: string
  /** Folder of the files within the repository; empty for none. */
  folder: string
  /** Names of the files in that folder, in the order of the parts. */
  files: string[]
}

/** Types of tensors at the end of a file's name, in the forms in use. */
const TYPE = /(?:^|[-._ ])((?:UD-)?(?:I?Q\d(?:_[A-Z0-9]+)*|TQ\d_\d|BF16|F16|F32|FP16|FP32|MXFP4(?:_MOE)?))$/i

/** Files that are no language models: projectors of images and sound, and statistics for quantising. */
const OTHER = /(^|[-._])(mmproj|imatrix)([-._]|$)/i

/** Tags to take if none is asked for, the preferred first: the smallest that are read, from Q4_K_M on. */
const PREFERRED = [
  ...['Q4_K_M', 'UD-Q4_K_XL', 'Q4_K_L', 'Q4_K_S', 'Q4_K', 'MXFP4', 'MXFP4_MOE', 'IQ4_NL', 'Q4_0', 'Q4_1'],
  ...['Q5_K_M', 'UD-Q5_K_XL', 'Q5_K_L', 'Q5_K_S', 'Q5_K', 'Q5_0', 'Q5_1', 'Q6_K', 'UD-Q6_K_XL', 'Q6_K_L'],
  ...['Q8_0', 'UD-Q8_K_XL', 'BF16', 'F16', 'FP16', 'F32', 'FP32'],
]

/** Tag to take first, as llama.cpp and ollama do. */
export const DEFAULT_TAG = PREFERRED[0]

const MOST_LISTED = 30

/** Groups the GGUF files of a repository into language models, sorted by their tags. */
export function ggufChoices(paths: readonly string[]): GgufChoice[] {
  const byFirst = new Map<string, GgufChoice>()
  for (const path of paths.filter(isGguf).sort()) {
    const [folder, file] = path.includes('/') ? path.split('/') : ['', path]
    if (OTHER.test(file)) continue
    const files = partNames(file) ?? [file]
    const first = `${folder}/${files[0]}`
    if (!byFirst.has(first)) byFirst.set(first, { tag: tagOf(files[0]), folder, files })
  }
  const choices = [...byFirst.values()]
  const isShared = ({ tag }: GgufChoice) => choices.filter((other) => isSame(other.tag, tag)).length > 1
  return choices
    .map((choice) => (isShared(choice) ? { ...choice, tag: wordOf(stemOf(choice.files[0])) } : choice))
    .sort((a, b) => (a.tag < b.tag ? -1 : 1))
}

/** Finds a model by its tag or file, in any case of letters. If there is none, throws a UserError with the tags. */
export function chooseGguf(choices: readonly GgufChoice[], tag: string, repo: string): GgufChoice {
  const found =
    choices.find((choice) => isSame(choice.tag, tag)) ??
    choices.find(({ files }) => files.some((file) => isSame(file, tag) || isSame(stemOf(file), tag)))
  if (found) return found
  const hint = /^(f32|q8|q4)$/.test(tag) ? `\n\`--quant ${tag}\` packs any of them as ${tag}` : ''
  throw new UserError(`${repo}: has no GGUF file '${printable(tag)}'; there ${listed(choices)}${hint}`)
}

/** Chooses the model if no tag is given. Throws a UserError that lists the tags if molm knows none of them. */
export function defaultGguf(choices: readonly GgufChoice[], repo: string): GgufChoice {
  if (choices.length === 1) return choices[0]
  for (const tag of PREFERRED) {
    const found = choices.find((choice) => isSame(choice.tag, tag))
    if (found) return found
  }
  throw new UserError(
    `${repo}: there ${listed(choices)}; choose one with a colon: \`molm pull ${repo}:${choices[0].tag}\``,
  )
}

/** The tags as the end of a sentence: `are Q4_K_M, Q8_0`. */
export function listed(choices: readonly GgufChoice[]): string {
  const tags = choices.slice(0, MOST_LISTED).map(({ tag }) => tag)
  const more = choices.length > MOST_LISTED ? ` and ${choices.length - MOST_LISTED} more` : ''
  return `${choices.length === 1 ? 'is' : 'are'} ${tags.join(', ')}${more}`
}

/** Whether a text can be the tag of a model, and thus a part of the name of a folder here. */
export function isTag(text: string): boolean {
  return /^\w[\w.+-]*$/.test(text) && text.length <= 100
}

/** Whether two tags differ at most in the case of letters. */
export function isSame(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase()
}

function tagOf(file: string): string {
  const stem = stemOf(file)
  const [, type] = TYPE.exec(stem) ?? []
  return type === undefined ? wordOf(stem) : type.toUpperCase()
}

/** The name of a file without its ending and the number of its part. */
function stemOf(file: string): string {
  return file.replace(/(-\d{5}-of-\d{5})?\.gguf$/i, '')
}

/** A name with other characters replaced, as a tag. */
function wordOf(name: string): string {
  return name
    .replaceAll(/[^\w.+-]/g, '_')
    .replace(/^[.+-]+/, '_')
    .slice(0, 100)
}
