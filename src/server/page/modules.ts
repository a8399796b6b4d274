import { readFile } from 'node:fs/promises'

/** The page's entry module, relative to the compiled package. */
const FIRST = 'page/main.js'
const IMPORT = /\b(?:from|import) '(\.[^']+)'/g

/**
 * Reads the modules that run in the browser, by their paths in the compiled package: the page's own, and all that they
 * import. They are served unchanged, so the page and `molm experts` draw with the same code.
 */
export async function pageModules(): Promise<Map<string, string>> {
  const root = new URL('../../', import.meta.url)
  const modules = new Map<string, string>()
  const add = async (path: string): Promise<void> => {
    if (modules.has(path)) return
    modules.set(path, '')
    const text = await readFile(new URL(path, root), 'utf8')
    modules.set(path, text)
    const imported = Array.from(text.matchAll(IMPORT), ([, from]) => new URL(from, new URL(path, root)).href)
    await Promise.all(imported.map((address) => add(address.slice(root.href.length))))
  }
  await add(FIRST)
  return modules
}
