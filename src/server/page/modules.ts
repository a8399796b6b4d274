import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

/** The page's entry module, relative to the compiled package. */
const FIRST = 'page/main.js'
/** Packages may be minified: without blanks, and in double quotes. */
const IMPORT = /\b(from|import)\s*(["'])([\w@./-]+)\2/g

/**
 * Reads the modules that run in the browser, by their paths in the compiled package: the page's own, and all that they
 * import, so the page and `molm experts` draw with the same code. They are served unchanged, but for the names of other
 * packages, which become paths: a browser does not look for packages.
 */
export async function pageModules(): Promise<Map<string, string>> {
  const root = new URL('../../', import.meta.url)
  const modules = new Map<string, string>()
  const add = async (path: string, address: URL): Promise<void> => {
    if (modules.has(path)) return
    modules.set(path, '')
    const text = await readFile(address, 'utf8')
    const imported: Promise<void>[] = []
    const up = '../'.repeat(path.split('/').length - 1)
    const linked = text.replace(IMPORT, (line, how: string, _quote, from: string) => {
      if (from.startsWith('.')) {
        const next = new URL(from, address)
        imported.push(add(next.href.slice(root.href.length), next))
        return line
      }
      const next = `packages/${from}.js`
      imported.push(packageModule(from, address).then((found) => add(next, found)))
      return `${how} '${up}${next}'`
    })
    modules.set(path, linked)
    await Promise.all(imported)
  }
  await add(FIRST, new URL(FIRST, root))
  return modules
}

/** Finds the ES module that a module imports from a package, such as `preact/hooks`. It must be a single file. */
async function packageModule(name: string, importer: URL): Promise<URL> {
  const [, own, within] = /^((?:@[^/]+\/)?[^/]+)(.*)$/.exec(name) ?? []
  const main = createRequire(importer).resolve(name).replaceAll('\\', '/')
  const end = main.lastIndexOf(`/node_modules/${own}/`) + `/node_modules/${own}/`.length
  const folder = pathToFileURL(main.slice(0, end))
  const { exports } = JSON.parse(await readFile(new URL('package.json', folder), 'utf8'))
  const entry = exports[`.${within}`] ?? exports
  return new URL(entry.import ?? entry.default, folder)
}
