import { isObject } from '../../../ground/json/json.js'
import { failAt, type Keywords, type Located, pointer } from './schema-keywords.js'

/** Address of a schema without an `$id`. */
const NAMELESS = 'http://schema.invalid/'
const AFTER_HASH = /#(.*)/s
/** Keywords whose values are no schemas. */
const VALUES = ['enum', 'const', 'default', 'examples']
/** Keywords whose values are objects of schemas, with names of their own. */
const BY_NAME = ['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas', 'dependencies']

/** The schemas within a schema that a `$ref` can name. */
export class References {
  /** Path of each schema with an address (`$id`). */
  private readonly resources = new Map<string, string>()
  /** Path of each schema with an `$anchor`, by its address and name. */
  private readonly anchors = new Map<string, string>()
  /** Address of each path that has its own. */
  private readonly addresses = new Map<string, string>()

  constructor(private readonly root: unknown) {
    this.resources.set(NAMELESS, '')
    this.addresses.set('', NAMELESS)
    this.index(root, '', NAMELESS)
  }

  /**
   * The schema of a reference from the schema at `path`: a JSON Pointer such as `#/$defs/city`, an `$anchor`, or an
   * `$id`. Throws a UserError if it is not in the root schema.
   */
  resolve(reference: unknown, path: string): Located {
    if (typeof reference !== 'string') failAt(path, '`$ref` must be a string')
    const shown = JSON.stringify(reference.slice(0, 80))
    const missing = () => failAt(path, `\`$ref\` ${shown} names no schema in this one`)
    const [relative, fragment = ''] = reference.split(AFTER_HASH)
    const address = resolved(relative, this.addressOf(path)) ?? missing()
    if (fragment !== '' && !fragment.startsWith('/')) {
      return this.at(this.anchors.get(`${address}#${fragment}`) ?? missing()) ?? missing()
    }
    const resource = this.resources.get(address) ?? missing()
    return this.at(resource + (decoded(fragment) ?? missing())) ?? missing()
  }

  private index(schema: unknown, path: string, address: string): void {
    const open = [{ schema, path, address, isByName: false }]
    for (let one = open.pop(); one; one = open.pop()) {
      const { schema, path, isByName } = one
      if (typeof schema !== 'object' || schema === null) continue
      const here = isByName || !isObject(schema) ? one.address : this.add(schema, path, one.address)
      for (const [name, value] of Object.entries(schema)) {
        if (!isByName && VALUES.includes(name)) continue
        open.push({
          schema: value,
          path: `${path}/${pointer(name)}`,
          address: here,
          isByName: !isByName && BY_NAME.includes(name) && !Array.isArray(schema),
        })
      }
    }
  }

  /** Adds the names of a schema; the address of those within it. */
  private add({ $id, $anchor }: Keywords, path: string, outer: string): string {
    const [relative, name] = typeof $id === 'string' ? $id.split(AFTER_HASH) : ['']
    const address = relative === '' ? outer : (resolved(relative, outer) ?? outer)
    if (address !== outer) {
      this.resources.set(address, path)
      this.addresses.set(path, address)
    }
    for (const anchor of [$anchor, name]) {
      if (typeof anchor === 'string' && anchor !== '') this.anchors.set(`${address}#${anchor}`, path)
    }
    return address
  }

  private addressOf(path: string): string {
    for (let at = path; ; at = at.slice(0, at.lastIndexOf('/'))) {
      const address = this.addresses.get(at)
      if (address !== undefined) return address
    }
  }

  private at(path: string): Located | undefined {
    let schema = this.root
    for (const name of path.split('/').slice(1)) {
      const key = name.replaceAll('~1', '/').replaceAll('~0', '~')
      if (typeof schema !== 'object' || schema === null || !Object.hasOwn(schema, key)) return undefined
      schema = (schema as Keywords)[key]
    }
    return { schema, path }
  }
}

function resolved(relative: string, address: string): string | undefined {
  if (relative === '') return address
  return URL.canParse(relative, address) ? new URL(relative, address).href : undefined
}

function decoded(fragment: string): string | undefined {
  try {
    return decodeURIComponent(fragment)
  } catch {
    return undefined
  }
}
