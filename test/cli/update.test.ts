import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { REPO } from '../support/with-hub.js'
import { parseLines } from './molm.js'
import { withServedModel } from './served-model.js'

const NEWS = { 'generation_config.json': Buffer.from('{"temperature": 0.5}') }

test('update says what has changed, what that costs, and with --dry-run changes nothing', async () => {
  await withServedModel(async (run, hub) => {
    await run('pull', REPO, '-t', '1')
    const repository = hub.repositories.get(REPO)
    assert.ok(repository)
    assert.is((await run('update')).stdout, 'org/model: up to date at aaaaaaa\n')
    hub.change(repository, NEWS)
    const asked = await run('update', '-n')
    assert.is(asked.stdout, 'org/model: has changed to bbbbbbb; 0 B of 2.37 MB to fetch\n')
    assert.match(asked.stderr, /^molm: org\/model: (\d+) of \1 parts are the same as in aaaaaaa\n$/)
    assert.match((await run('list')).stdout, /aaaaaaa\n/)
    const done = await run('update', REPO, '-t', '1')
    assert.equal([done.code, done.stdout], [0, 'org/model: updated to bbbbbbb; 0 B of 2.37 MB fetched\n'], done.stderr)
    assert.match((await run('list')).stdout, /bbbbbbb\n/)
    assert.is((await run('update')).stdout, 'org/model: up to date at bbbbbbb\n')
  })
})

test('update --json prints an object for each model, also for one that fails', async () => {
  await withServedModel(async (run, hub) => {
    await run('pull', REPO, '-t', '1')
    await run('pull', `${REPO}:q8`, '-t', '1')
    hub.change(hub.repositories.get(REPO) as never, NEWS)
    hub.repositories.set('org/other', hub.repositories.get(REPO) as never)
    await run('pull', 'org/other', '-t', '1')
    hub.repositories.delete('org/other')
    const { code, stdout, stderr } = await run('update', '--json')
    const [q8, q4, other] = parseLines(stdout)
    const bytes = hub.repositories.get(REPO)?.files.get('pytorch_model.bin')?.length
    const sizes = { fetch_bytes: 0, whole_bytes: bytes }
    const commit = hub.repositories.get(REPO)?.commit
    assert.equal(q4, { model: 'org/model:q4', state: 'updated', commit, ...sizes })
    assert.equal(q8, { ...q4, model: 'org/model:q8' })
    assert.equal([other.model, other.state], ['org/other', 'failed'])
    assert.match(other.error, /there is no such model/)
    assert.equal([code, stderr], [1, ''])
  })
})

test.run()
