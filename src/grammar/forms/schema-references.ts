import type { Located } from './schema-cases.js'
import { failAt, type Keywords } from './schema-keywords.js'

/**
 * The schema that a `$ref` names: a JSON Pointer such as `#/$defs/city`, an `$anchor`, or the `$id` of a schema within
 * the root. Throws a UserError if there is none.
 */
export function resolveReference(root: unknown, reference: unknown, path: string): Located {
  if (typeof reference !== 'string') failAt(path, '`$ref` must be a string')
  if (reference === '#' || reference === '') return { schema: root, path: '' }
  if (reference.startsWith('#/')) return at(root, reference, path)
  const name = reference.slice(1)
  const found = reference.startsWith('#')
    ? find(root, '', ({ $anchor, $id }) => $anchor === name || $id === reference)
    : find(root, '', ({ $id }) => $id === reference)
  return found ?? failAt(path, `\`$ref\` ${JSON.stringify(reference.slice(0, 80))} names no schema in this one`)
}

function at(root: unknown, reference: string, path: string): Located {
  const names = decoded(reference.slice(2), path)
    .split('/')
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'))
  let schema = root
  for (const name of names) {
    const isThere = typeof schema === 'object' && schema !== null && Object.hasOwn(schema, name)
    if (!isThere) failAt(path, `\`$ref\` ${JSON.stringify(reference.slice(0, 80))} names no schema in this one`)
    schema = (schema as Keywords)[name]
  }
  return { schema, path: names.map((name) => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('') }
}

function decoded(pointer: string, path: string): string {
  try {
    return decodeURIComponent(pointer)
  } catch {
    return failAt(path, `\`$ref\` ${JSON.stringify(pointer.slice(0, 80))} is not a JSON Pointer`)
  }
}

function find(schema: unknown, path: string, isIt: (keywords: Keywords) => boolean): Located | undefined {
  if (typeof schema !== 'object' || schema === null) return undefined
  if (!Array.isArray(schema) && isIt(schema as Keywords)) return { schema, path }
  for (const [name, value] of Object.entries(schema)) {
    if (name === 'enum' || name === 'const') continue
    const found = find(value, `${path}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`, isIt)
    if (found) return found
  }
  return undefined
}
