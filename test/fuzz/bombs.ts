import type { Chance } from './chance.js'
import type { Entry } from './files.js'
import { utf8 } from './files.js'

/** JSON that costs a careless reader far more memory or time than its size suggests: up to 32 MB of text. */
export function jsonBomb(chance: Chance, name: string): Uint8Array {
  const { of, text } = chance.pick(JSON_BOMBS)
  const count = 2 ** chance.between(12, 22)
  chance.note(`${name}: a bomb of ${count} ${of}`)
  return utf8(text(count))
}

const JSON_BOMBS: { of: string; text: (count: number) => string }[] = [
  { of: 'objects', text: (n) => `{"a":[${'{},'.repeat(n)}{}]}` },
  { of: 'lists', text: (n) => `{"a":[${'[],'.repeat(n)}[]]}` },
  { of: 'numbers', text: (n) => `{"a":[${'0,'.repeat(n)}0]}` },
  { of: 'objects in objects', text: (n) => `{"a":[${'{"b":{}},'.repeat(n / 2)}{}]}` },
  { of: 'different keys', text: (n) => `{${Array.from({ length: n / 4 }, (_, i) => `"${i.toString(36)}":0`).join()}}` },
  { of: 'brackets', text: (n) => '['.repeat(n) },
  { of: 'levels', text: (n) => `${'{"a":'.repeat(n)}0${'}'.repeat(n)}` },
  { of: 'blanks', text: (n) => `{"a":${' '.repeat(n)}1}` },
  { of: 'digits', text: (n) => `{"a":${'1'.repeat(n)}}` },
  { of: 'characters', text: (n) => `{"a":"${'x'.repeat(4 * n)}"}` },
  { of: 'escapes', text: (n) => `{"a":"${'\\u0041'.repeat(n)}"}` },
]

/** An entry that is not the regular file a reader expects under that name. */
export function oddEntry(chance: Chance, name: string): Entry {
  const { what, entry } = chance.pick(ODD_ENTRIES)
  chance.note(`${name}: ${what}`)
  return entry
}

const ODD_ENTRIES: { what: string; entry: Entry }[] = [
  { what: 'a pipe', entry: 'pipe' },
  { what: 'a folder', entry: 'folder' },
  { what: 'a link to /dev/zero', entry: { link: '/dev/zero' } },
  { what: 'a link to itself', entry: { link: 'itself' } },
  { what: 'a link to nothing', entry: { link: 'no such file' } },
  { what: 'a link to a folder', entry: { link: '/' } },
  { what: '3 GB of holes', entry: { holes: 3e9 } },
  { what: '48 MB of holes', entry: { holes: 48e6 } },
  { what: 'empty', entry: new Uint8Array(0) },
  { what: 'a Git LFS pointer', entry: utf8('version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n') },
]
