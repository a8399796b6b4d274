import type { FileSet } from '../checkpoint/byte-source.js'
import { printable } from '../printable.js'

/** A licence as a model card names it. */
export interface Licence {
  /** The hub's name for it, or the card's own where that is `other`. */
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

/** Largest model card that is looked at. */
const MOST_BYTES = 2 ** 20

/** The licence that the model card of a checkpoint names; undefined if it has no card, or that names none. */
export async function licenceOf(files: FileSet): Promise<Licence | undefined> {
  if (!(await files.list()).includes('README.md')) return undefined
  const card = await files.open('README.md')
  try {
    if (card.size > MOST_BYTES) return undefined
    return licenceIn(new TextDecoder().decode(await card.read(0, card.size)))
  } finally {
    await card.close()
  }
}

/** The same of a card's text, in whose front matter (YAML between two lines `---`) the licence is. */
export function licenceIn(card: string): Licence | undefined {
  const [, front = ''] = /^\ufeff?---[ \t]*\r?\n([\s\S]*?)\r?\n---[ \t]*(?:\r?\n|$)/.exec(card) ?? []
  const licence = frontValue(front, 'license')
  if (licence === undefined) return undefined
  const isOther = licence.toLowerCase() === 'other'
  const name = (isOther ? frontValue(front, 'license_name') : undefined) ?? licence
  const link = frontValue(front, 'license_link')
  return { name, ...(link !== undefined && { link }) }
}

/** Whether it is one of the open licences that the hub has a name for. */
export function isOpen({ name }: Licence): boolean {
  return OPEN.some((pattern) => pattern.test(name.toLowerCase()))
}

/** A line for the user about a licence, with the address where it can be read. `page` is that of the repository. */
export function describeLicence({ name, link }: Licence, page: string): string {
  const isAddress = link !== undefined && /^https?:\/\/[^\s]+$/.test(link)
  const isFile = link !== undefined && /^[\w.-]+$/.test(link)
  const where = isAddress ? link : isFile ? `${page}/blob/main/${link}` : page
  return `the licence is ${printable(name, 80)}, which may restrict what the model is used for: ${printable(where, 300)}`
}

/** A value of one line, or the first of a list, without its quotes; undefined if it is missing or empty. */
function frontValue(front: string, key: string): string | undefined {
  const [, value = ''] = new RegExp(`^${key}:(?:[ \\t]*\\[|[ \\t]*\\r?\\n[ \\t]*-)?[ \\t]*(.*)$`, 'm').exec(front) ?? []
  const [, quoted, plain = ''] = /^(?:"([^"]*)"|'([^']*)')/.exec(value) ?? []
  const text = (quoted ?? plain) || value.replace(/\s+#.*$/, '').replace(/[\],].*$/, '')
  return text.trim() || undefined
}
