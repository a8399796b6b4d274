import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fixturePath } from '../support/fixtures.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { assertRefused, molm, TINY } from './molm.js'

test('shards are joined if their options have the same effect, and only then', () =>
  inTemporaryFolder(async (dir) => {
    const text = join(dir, 'a.txt')
    await writeFile(text, (await readFile(fixturePath('texts/dialogue.txt'))).subarray(0, 300))
    const command = ['eval', '-m', TINY, '--text', text, '-t', '1', '--json']
    const joined = async (first: string[], second: string[]) => {
      const files = []
      for (const [i, args] of [first, second].entries()) {
        const { code, stdout, stderr } = await molm([...command, ...args, '--shard', `${i + 1}/2`])
        assert.is(code, 0, stderr)
        files.push(join(dir, `${i + 1}.json`))
        await writeFile(files[i], stdout)
      }
      return molm(['eval', '--join', ...files])
    }
    const alike = [
      [[], ['--cache-type', 'bf16', '--quant', 'q4', '--experts-per-token', '2', '--stride', '64']],
      [
        ['--mask', '0:mlp:2-3'],
        ['--mask', '0:mlp:3', '--mask', '0:mlp:2'],
      ],
    ]
    for (const [first, second] of alike) {
      const { code, stderr } = await joined(first, second)
      assert.is(code, 0, `${second}: ${stderr}`)
    }
    const other = ['--cache-type', 'q8', '--experts-per-token', '1', '--stride', '32', '--mask', '0:mlp:2']
    const different = /have different options: experts_per_token, cache_type, stride, mask/
    assertRefused(await joined([], other), 1, different)
  }))

test.run()
