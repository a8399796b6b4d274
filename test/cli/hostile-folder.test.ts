import { execFileSync } from 'node:child_process'
import { cp, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { assertRefused, molm, TINY } from './molm.js'

async function hugeFile(path: string): Promise<void> {
  await writeFile(path, '')
  await truncate(path, 300e6)
}

test('pipes, devices and huge files in place of small ones are refused at once', async () => {
  await inTemporaryFolder(async (dir) => {
    const instead: [name: string, make: (path: string) => unknown, says: string][] = [
      ['config.json', (path) => execFileSync('mkfifo', [path]), 'this is not a file'],
      ['tokenizer.json', (path) => symlink('/dev/zero', path), 'this is not a file'],
      ['generation_config.json', (path) => hugeFile(path), '300000000 bytes are too'],
    ]
    for (const [name, make, says] of instead) {
      const copy = join(dir, `copy of ${name}`)
      const path = join(copy, name)
      await cp(TINY, copy, { recursive: true })
      await rm(path, { force: true })
      await make(path)
      assertRefused(await molm(['-m', copy, '--threads', '1', 'hi']), 1, new RegExp(`${name}: ${says}`))
    }
  })
})

test.run()
