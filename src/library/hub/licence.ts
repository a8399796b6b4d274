import { type ByteSource, type FileSet, whileOpen } from '../../ground/files/byte-source.js'
import { printable } from '../../ground/printable.js'
import type { Origin } from './origin.js'
import type { PullRequest } from './pull-options.js'

export interface Licence {
  /** The hub's name for it, or the card's own name if that is `other`. */
  name: string
  /** An address or a file of the repository. */
  link?: string
}

/** The hub's names of licences that let everyone use, change and pass on a model for any purpose. */
const OPEN = [
  /^(apache-2\.0|mit|isc|zlib|ncsa|unlicense|wtfpl|postgresql|artistic-2\.0|ecl-2\.0|afl-3\.0|ms-pl|pddl|bsl-1\.0)$/,
  /^bsd(-[\w-]+)?$/,
  /^(cc0-1\.0|cc-by(-sa)?-\d\.\d|cdla-(permissive|sharing)-[\d.]+|odbl|odc-by)$/,
  /^((a|l)?gpl(-[\w.-]+)?|mpl-2\.0|epl-[\d.]+|eupl-[\d.]+|osl-3\.0)$/,
]

/** Maximum bytes of a model card that are read: its front matter comes first. */
const MOST_BYTES = 2 ** 20
/** Maximum characters of a value, and lines of a list, that are read. */
const [MOST_CHARACTERS, MOST_LINES] = [500, 50]

/** Reads the licence from a checkpoint's model card. Undefined without a card, or if the card names no licence. */
async function licenceOf(files: FileSet): Promise<Licence | undefined> {
  if (!(await files.list()).includes('README.md')) return undefined
  const read = (card: ByteSource) => card.read(0, Math.min(card.size, MOST_BYTES))
  return licenceIn(new TextDecoder().decode(await whileOpen(files.open('README.md'), read)))
}

export async function noteLicence(
  { files, repo }: Pick<Origin, 'files' | 'repo'>,
  { environment }: Pick<PullRequest, 'environment'>,
  onNote?: (message: string) => void,
): Promise<void> {
  const licence = await licenceOf(files)
  const page = `${environment.endpoint}/${repo}`
  if (licence && !isOpen(licence)) onNote?.(`${repo}: ${describeLicence(licence, page)}`)
}

/** Reads the licence from a card's front matter (YAML between two lines `---`): the first that is not open. */
export function licenceIn(card: string): Licence | undefined {
  const [, front = ''] = /^\ufeff?---[ \t]*\r?\n([\s\S]*?)\r?\n---[ \t]*(?:\r?\n|$)/.exec(card) ?? []
  const lines = front.split(/\r?\n/)
  const names = valuesOf('license', lines)
  const licence = names.find((name) => !isOpen({ name })) ?? names[0]
  if (licence === undefined) return undefined
  const isOther = licence.toLowerCase() === 'other'
  const name = (isOther ? valuesOf('license_name', lines)[0] : undefined) ?? licence
  const [link] = valuesOf('license_link', lines)
  return { name, ...(link !== undefined && { link }) }
}

/** Whether a licence is one of the open licences that the hub has a name for. */
export function isOpen({ name }: Licence): boolean {
  return OPEN.some((pattern) => pattern.test(name.toLowerCase()))
}

/** Formats a line for the user about a licence, with the address of its text. `page` is the repository's address. */
export function describeLicence({ name, link }: Licence, page: string): string {
  const isAddress = link !== undefined && /^https?:\/\/[^\s]+$/.test(link)
  const isFile = link !== undefined && /^[\w.-]+$/.test(link)
  const address = isAddress ? link : isFile ? `${page}/blob/main/${link}` : page
  return `the licence is ${printable(name, 80)}, which may restrict what the model is used for: ${printable(address, 300)}`
}

/** Values of a key: one, a list of them, or none if it is missing or empty. */
function valuesOf(key: string, lines: readonly string[]): string[] {
  const at = lines.findIndex((line) => line.startsWith(`${key}:`))
  if (at < 0) return []
  const [first, ...others] = lines.slice(at, at + MOST_LINES).map(withoutComment)
  const value = first.slice(key.length + 1).trim()
  if (value.startsWith('[')) return [value.slice(1), ...others].join(' ').split(']')[0].split(',').flatMap(bare)
  // A block: its text is on the lines below.
  if (/^[|>]/.test(value)) return others.slice(0, 1).flatMap(bare)
  if (value !== '') return bare(value)
  const end = others.findIndex((line) => line !== '' && !line.startsWith('-'))
  return others.slice(0, end < 0 ? undefined : end).flatMap((line) => bare(line.slice(1)))
}

/** Cuts and strips a line: the card is untrusted, and a pattern may take long for a long line. */
function withoutComment(line: string): string {
  return line
    .slice(0, MOST_CHARACTERS)
    .split(/(?:^|\s)#/)[0]
    .trim()
}

/** A value without its quotes, in a list; an empty list for an empty value. */
function bare(value: string): string[] {
  const text = value.trim()
  const [, quoted, plain] = /^(?:"([^"]*)"|'([^']*)')/.exec(text) ?? []
  const name = (quoted ?? plain ?? text).trim()
  return ['', '~', 'null'].includes(name) ? [] : [name]
}
