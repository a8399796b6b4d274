import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { molm } from './molm.js'

test('eval and bench measure fewer experts', () =>
  inTemporaryFolder(async (dir) => {
    const text = join(dir, 'text.txt')
    await writeFile(text, 'The lantern is lit. The ship comes home to the harbour. '.repeat(4))
    const divergence = async (...args: string[]) => {
      const { stdout } = await molm(['eval', '--json', '--text', text, '--against', 'nano:q4', ...args])
      return JSON.parse(stdout).against.kl_divergence
    }
    assert.is(await divergence(), 0)
    assert.ok((await divergence('--experts-per-token', '2,1')) > 0.01)
    const active = async (...args: string[]) => {
      const { stdout } = await molm(['bench', '-p', '0', '-n', '2', '-r', '1', '-t', '1', '--json', ...args])
      return JSON.parse(stdout)[0].active_bytes_per_token
    }
    assert.ok((await active('--experts-per-token', '1')) < (await active()))
  }))

test.run()
