import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fixturePath } from '../support/fixtures.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { type Ended, molm } from './molm.js'

export const ASK = ['-n', '4', '--temperature', '0', '--raw', '-t', '1']

/** Runs `use` with a GGUF file, and with commands whose MOLM_HOME is in the folder of the file. */
export function withFile(use: (file: string, run: (...args: string[]) => Promise<Ended>, dir: string) => unknown) {
  return inTemporaryFolder(async (dir) => {
    const file = join(dir, 'granite-Q4_K_M.gguf')
    await copyFile(fixturePath('gguf/granitemoe-all-types/model.gguf'), file)
    await use(file, (...args) => molm(args, { env: { MOLM_HOME: join(dir, 'home') } }), dir)
  })
}
