import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { molm, molmProcess } from './molm.js'

const TEXT = 'The lantern is lit, and the old man said nothing.'

test('a pruned model is compared by the original numbers of its experts', async () => {
  await inTemporaryFolder(async (dir) => {
    const [text, small] = [join(dir, 'text.txt'), join(dir, 'small')]
    await writeFile(text, `${TEXT} It was a long way to the light, and nobody spoke of it again.\n`.repeat(14))
    const pruned = await molm(['prune', 'nano', small, '--calibrate', text, '--keep', '0.5', '--only', 'mlp'])
    assert.is(pruned.code, 0, pruned.stderr)
    const { stdout, stderr } = await molm(['experts', '-m', small, '--against', 'nano:q4', '--json', TEXT])
    const { mlp } = JSON.parse(await readFile(join(small, 'selection.json'), 'utf8'))
    const [{ experts, mean }] = JSON.parse(stdout || '{}').texts ?? [{}]
    assert.ok(experts, stderr)
    for (const [layer, shares] of experts.mlp.entries()) {
      const known = [...shares.keys()].filter((id) => shares[id] !== null)
      assert.ok(
        known.every((id) => mlp[layer].includes(id)),
        `layer ${layer}: ${known} of ${mlp[layer]}`,
      )
    }
    assert.ok(mean.mlp.missing > 0 && mean.attention.missing === 0)
  })
})

test('in a pipe, lines are as wide as COLUMNS says', async () => {
  const widest = (text: string) => Math.max(...text.split('\n').map((line) => [...line].length))
  const narrow = await molmProcess(['experts', TEXT], { env: { COLUMNS: '60' } })
  assert.ok(widest(narrow.stdout) <= 60, narrow.stdout)
})

test.run()
