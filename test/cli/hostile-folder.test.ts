import { execFileSync } from 'node:child_process'
import { cp, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { assertRefused, molm, NANO } from './molm.js'

const inCopyOfNano = (use: (dir: string) => Promise<void>) =>
  inTemporaryFolder(async (dir) => {
    const copy = join(dir, 'copy')
    for (const file of ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json']) {
      await cp(join(NANO, file), join(copy, file))
    }
    await use(copy)
  })

async function hugeFile(path: string): Promise<void> {
  await writeFile(path, '')
  await truncate(path, 300e6)
}

test('pipes, devices and huge files in place of small ones are refused at once', async () => {
  await inCopyOfNano(async (dir) => {
    const instead: [name: string, make: (path: string) => unknown, says: string][] = [
      ['tokenizer.json', (path) => execFileSync('mkfifo', [path]), 'this is not a file'],
      ['config.json', (path) => execFileSync('mkfifo', [path]), 'this is not a file'],
      ['tokenizer_config.json', (path) => symlink('/dev/zero', path), 'this is not a file'],
      ['generation_config.json', (path) => hugeFile(path), '300000000 bytes are too'],
    ]
    for (const [name, make, says] of instead) {
      const path = join(dir, name)
      await rm(path, { force: true })
      await make(path)
      assertRefused(await molm(['-m', dir, '--threads', '1', 'hi']), 1, new RegExp(`${name}: ${says}`))
      await rm(path)
      await cp(join(NANO, name), path)
    }
  })
})

test.run()
