import { execFileSync } from 'node:child_process'
import { cp, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { repositoryPath } from './fixtures.js'
import { inTemporaryFolder } from './temporary-folder.js'

/** A passage of a built file below dist, with its replacement. */
export interface Patch {
  file: string
  from: string
  to: string
}

/**
 * Runs `use` with the folder of a patched copy of the built package, for example with threads that end too early or
 * small memories. Removes the copy afterwards.
 */
export function withPatchedLibrary<T>(patches: readonly Patch[], use: (folder: string) => Promise<T>): Promise<T> {
  return inTemporaryFolder(async (folder) => {
    for (const part of ['dist', 'bin', 'package.json']) {
      await cp(repositoryPath(part), join(folder, part), { recursive: true })
    }
    for (const part of ['models', 'node_modules']) await symlink(repositoryPath(part), join(folder, part))
    for (const { file, from, to } of patches) {
      const path = join(folder, 'dist', file)
      const source = await readFile(path, 'utf8')
      if (source.split(from).length !== 2) throw new Error(`${file} does not have this passage once: ${from}`)
      await writeFile(
        path,
        source.replace(from, () => to),
      )
    }
    execFileSync(process.execPath, [repositoryPath('scripts/bundle.mjs'), join(folder, 'dist')])
    return use(folder)
  })
}

/** Imports a module of such a copy. */
export function patchedModule<T>(folder: string, file: string): Promise<T> {
  return import(pathToFileURL(join(folder, 'dist', file)).href)
}
