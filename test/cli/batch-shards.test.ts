import { copyFile, stat, truncate, writeFile } from 'node:fs/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { assertRefused, molm } from './molm.js'
import { names, OPTIONS, prompts, withBatch } from './sharded-batch.js'

test('shards, joined in any order, give byte for byte the file of one run', () => {
  const [first, ...rest] = prompts(5)
  const lines = ['\ufeff', first, '', 'nonsense', { id: 'x', prompt: 'b' }, { id: 'x', prompt: 'b' }, '  ', ...rest]
  return withBatch(lines, async (batch) => {
    assert.is((await batch.run('one.jsonl')).code, 1)
    const codes = []
    for (const number of [2, 1]) codes.push((await batch.shard(number, 2)).code)
    assert.equal(codes.sort(), [0, 1])
    const { code, stdout, stderr } = await batch.join(names(2).reverse(), '-o', batch.path('all.jsonl'))
    assert.is(code, 1)
    assert.is(stdout, '')
    assert.match(stderr, /^molm: 1 of 8 lines could not be answered; see "error" in .*all\.jsonl\n$/)
    assert.is(await batch.read('all.jsonl'), await batch.read('one.jsonl'))
    // The joined file is one that a run without shards can resume.
    assert.match((await batch.run('all.jsonl')).stderr, /^molm: 1 of 8 lines could not/)
    assert.is(await batch.read('all.jsonl'), await batch.read('one.jsonl'))
    // A file of another shard, or of none, is not added to.
    const before = await batch.read('1.jsonl')
    assertRefused(await batch.run('1.jsonl', '--shard', '2/2'), 1, /1\.jsonl has shard 1\/2 of a batch\n/)
    assertRefused(await batch.run('1.jsonl'), 1, /give --shard 1\/2 again/)
    assertRefused(await batch.run('one.jsonl', '--shard', '2/2'), 1, /one\.jsonl was not made from shard 2\/2 of .*in/)
    assert.is(await batch.read('1.jsonl'), before)
  })
})

test('a shard that was cut resumes to the same bytes; a whole one is not touched, and a pipe gives the same', () =>
  withBatch(prompts(5), async (batch) => {
    await batch.shard(1, 2)
    const whole = await batch.read('1.jsonl')
    const receipt = whole.lastIndexOf('\n', whole.length - 2) + 1
    for (const length of [receipt - 1, whole.length - 1]) {
      await copyFile(batch.path('1.jsonl'), batch.path('cut.jsonl'))
      await truncate(batch.path('cut.jsonl'), length)
      assert.match((await batch.join(['cut.jsonl'])).stderr, /cut\.jsonl does not end as a complete shard/)
      assert.is((await batch.run('cut.jsonl', '--shard', '1/2')).code, 0)
      assert.is(await batch.read('cut.jsonl'), whole, `cut at ${length}`)
    }
    const before = await stat(batch.path('1.jsonl'))
    const { code, stderr } = await batch.shard(1, 2, '--verbose')
    assert.is(code, 0, stderr)
    assert.is((await stat(batch.path('1.jsonl'))).mtimeMs, before.mtimeMs)
    const stdin = await batch.read('in.jsonl')
    const { stdout } = await molm(['run', '--batch', '-', ...OPTIONS, '--shard', '1/2'], { stdin })
    assert.is(stdout, whole)
  }))

test('a join names the shards that are missing, twice there, or of something else', () =>
  withBatch(prompts(3), async (batch) => {
    await batch.shard(1, 2)
    await batch.run('other.jsonl', '--shard', '2/2', '--max-tokens', '2')
    const refused: [string[], RegExp][] = [
      [['1'], /of 2 shards, 2 is missing\n$/],
      [['1', '1'], /1\.jsonl and .*1\.jsonl are both shard 1\/2/],
      [['1', 'gone'], /gone\.jsonl: no such file/],
      [['1', 'other'], /1\.jsonl and .*other\.jsonl have different options/],
    ]
    for (const [files, pattern] of refused) {
      assertRefused(await batch.join(files.map((name) => `${name}.jsonl`)), 1, pattern)
    }
    await batch.shard(2, 2)
    assertRefused(await batch.join(names(2), '-o', batch.path('2.jsonl')), 2, /-o names one of the shards/)
    assertRefused(await batch.join(names(2), '-o', batch.path('in.jsonl')), 1, /in\.jsonl: has no results/)
    // A line that was removed by hand is found before anything is written.
    const [, ...others] = (await batch.read('2.jsonl')).split('\n')
    await writeFile(batch.path('2.jsonl'), others.join('\n'))
    assertRefused(await batch.join(names(2), '-o', batch.path('all.jsonl')), 1, /2\.jsonl: line 1 is not a result/)
    assert.not.ok(await stat(batch.path('all.jsonl')).catch(() => undefined))
  }))

test('wrong combinations are refused', async () => {
  assertRefused(await molm(['run', '--shard', '1/2', 'Hi']), 2, /--shard needs --batch/)
  for (const wrong of ['0/2', '3/2', '1', '1/0', '-1/2', '1.5/2', 'a/b', '1/2/3']) {
    assertRefused(await molm(['run', '--batch', 'in.jsonl', `--shard=${wrong}`]), 2, /--shard must be/)
  }
  assertRefused(await molm(['run', '--join', 'a', '--batch', 'b']), 2, /without --batch/)
  assertRefused(await molm(['run', 'Hi', '--join', 'a']), 2, /no prompt/)
})

test.run()
