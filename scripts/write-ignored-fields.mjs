// Writes the table of docs/SERVE.md about fields without effect, from the schemas of the requests. Run it after
// `npm run build` when a field has changed.
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { IGNORED, INNER } from '../dist/server/api/fields.js'
import { APIS } from '../dist/server/apis.js'

/** Names of the endpoints in the table, in its order. Both of ollama's have one. */
const TITLES = {
  '/v1/chat/completions': 'chat completions',
  '/v1/completions': 'completions',
  '/v1/responses': 'responses',
  '/v1/messages': 'messages',
  '/api/chat': 'ollama',
  '/api/generate': 'ollama',
}
const HEAD = '| requests | any value | this value alone |\n|---|---|---|\n'
const TABLE = /^\| requests \| any value \|.*\n(?:\|.*\n)+/m

/** Ignored fields of a schema: `place` has the fields around it. */
function* ignoredIn(schema, name = '', place = '') {
  const note = IGNORED.get(schema)
  if (note) return yield { name, place, ...note }
  const { element, ignored = [] } = INNER.get(schema) ?? {}
  const here = [place, name].filter(Boolean).join('.')
  for (const inner of ignored) yield { name: inner, place: `${here}[]` }
  if (element) yield* ignoredIn(element, `${name}[]`, place)
  if (schema instanceof z.ZodOptional) yield* ignoredIn(schema.unwrap(), name, place)
  if (schema instanceof z.ZodPipe) yield* ignoredIn(schema.in, name, place)
  if (schema instanceof z.ZodUnion) for (const option of schema.options) yield* ignoredInOption(option, schema, here)
  if (schema instanceof z.ZodObject) {
    for (const [key, field] of Object.entries(schema.shape)) yield* ignoredIn(field, key, here)
  }
}

/** Ignored fields of one type of object. If another type has a field that counts under the same name, the place says the type. */
function* ignoredInOption(option, { options }, here) {
  for (const field of ignoredIn(option, '', here)) {
    const { name, place } = field
    const counts = ({ shape }) => shape && Object.hasOwn(shape, name) && !IGNORED.has(shape[name])
    const ofType = place === here && options.some(counts) ? ` of the type \`${option.shape.type.value}\`` : ''
    yield { ...field, ofType }
  }
}

/** The values that a field may have; empty for any. */
function allowedIn({ values, instead }) {
  if (!values) return ''
  const allowed = values.map((value) => `\`${JSON.stringify(value)}\``).join(' or ') || 'none'
  return instead ? `${allowed} (use \`${instead}\`)` : allowed
}

/** Adds to the list of a key. */
const add = (map, key, item) => map.set(key, [...(map.get(key) ?? []), item])

/** The ignored fields of all requests, as texts: the names, the values that they may have, and the requests. */
function ignoredFields() {
  const bodies = Object.assign({}, ...APIS.map((api) => api.bodies))
  const requestsOf = new Map()
  for (const [path, title] of Object.entries(TITLES)) {
    for (const { name, place, ofType = '', ...note } of ignoredIn(bodies[path])) {
      const key = JSON.stringify([place && `in \`${place}\`${ofType} `, name, allowedIn(note)])
      if (!requestsOf.get(key)?.includes(title)) add(requestsOf, key, title)
    }
  }
  const alike = new Map()
  for (const [key, requests] of requestsOf) {
    const [place, name, allowed] = JSON.parse(key)
    add(alike, JSON.stringify([requests.join(', '), allowed, place]), `\`${name}\``)
  }
  return [...alike].map(([key, names]) => {
    const [requests, allowed, place] = JSON.parse(key)
    return { requests, allowed, fields: place + names.join(', ') }
  })
}

/** docs/SERVE.md with the table of this build. */
export async function withIgnoredFields(text) {
  const all = ignoredFields()
  const rows = [...new Set(all.map(({ requests }) => requests))].map((requests) => {
    const own = all.filter((one) => one.requests === requests)
    const free = own.filter(({ allowed }) => allowed === '').map(({ fields }) => fields)
    const bound = own.filter(({ allowed }) => allowed !== '').map(({ fields, allowed }) => `${fields}: ${allowed}`)
    return `| ${requests} | ${free.join('; ')} | ${bound.join('; ')} |\n`
  })
  return text.replace(TABLE, HEAD + rows.join(''))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = fileURLToPath(new URL('../docs/SERVE.md', import.meta.url))
  await writeFile(path, await withIgnoredFields(await readFile(path, 'utf8')))
}
