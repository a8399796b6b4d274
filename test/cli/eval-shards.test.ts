import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fixturePath } from '../support/fixtures.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { assertRefused, molm, TINY } from './molm.js'

test('joined shards print byte for byte the JSON of one run, with details', () =>
  inTemporaryFolder(async (dir) => {
    const [text, questions] = [join(dir, 'a.txt'), join(dir, 'task.jsonl')]
    await writeFile(text, (await readFile(fixturePath('texts/dialogue.txt'))).subarray(0, 400))
    const lines = (await readFile(fixturePath('texts/definitions.jsonl'), 'utf8')).split('\n').slice(0, 3)
    await writeFile(questions, `${lines.join('\n')}\n`)
    const command = ['eval', '--text', text, '--task', questions, '--window', '48', '-m', TINY, '-t', '1']
    const files: string[] = []
    for (const number of [2, 1]) {
      const { code, stdout, stderr } = await molm([...command, '--shard', `${number}/2`, '--json'])
      assert.is(code, 0, stderr)
      files.push(join(dir, `shard.${number}.json`))
      await writeFile(files.at(-1) ?? '', stdout)
    }
    const joined = await molm(['eval', '--join', ...files, '--details', '--json'])
    const one = await molm([...command, '--details', '--json'])
    assert.equal([joined.code, joined.stdout, joined.stderr], [0, one.stdout, ''])
    assertRefused(await molm(['eval', '--join', files[0]]), 1, /of 2 shards, 1 is missing/)
    const shard = await readFile(files[1], 'utf8')
    await writeFile(files[1], shard.replace(/("window": *)48/, '$132'))
    assertRefused(await molm(['eval', '--join', ...files]), 1, /have different options: window/)
    await writeFile(files[1], '')
    assertRefused(await molm(['eval', '--join', ...files]), 1, /shard\.1\.json: not valid JSON/)
  }))

test('wrong combinations are refused', async () => {
  const refused: [string[], RegExp][] = [
    [['--shard', '1/2'], /nothing to measure/],
    [['--shard', '1/2', '--text', 'a', '--fewer-experts'], /it takes no --shard/],
    [['--shard', '1/2', '--task', 'a', '--details'], /--details belongs to --join/],
    [['--join', 'a', '--text', 'b'], /it takes only --json and --details/],
    [['--join', 'a', '--shard', '1/2'], /it takes only --json and --details/],
    [['--shard', '2', '--text', 'a'], /--shard must be/],
  ]
  for (const [args, pattern] of refused) assertRefused(await molm(['eval', ...args]), 2, pattern)
})

test.run()
