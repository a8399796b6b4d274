import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Throughput } from '#molm/cli/io/throughput.js'
import { repositoryPath } from '../support/fixtures.js'
import { REPO } from '../support/with-hub.js'
import { assertRefused, molm, parseLines } from './molm.js'
import { withServedModel } from './served-model.js'

test('pull prints the plan to stderr and the path to stdout; then the model has its name', async () => {
  await withServedModel(async (run, _, dir) => {
    const { code, stdout, stderr } = await run('pull', REPO, '-t', '1')
    assert.is(code, 0, stderr)
    assert.is(stdout, `${join(dir, 'molm', 'models', 'org', 'model', 'model-q4.molm.safetensors')}\n`)
    const [plan, sizes, ...rest] = stderr.trim().split('\n')
    assert.match(plan, /^molm: org\/model at aaaaaaa: 2\.\d+ MB to fetch \(pytorch_model\.bin\)$/)
    assert.match(sizes, /^molm: packed as q4 \d+ kB, disk free .+; runs in \d+ MB of memory, free .+$/)
    assert.equal(rest, [])
    const again = await run('pull', REPO)
    assert.match(again.stderr, /is here already/)
    assert.is(again.stdout, stdout)
    const use = await run('run', '-m', `${REPO}:q4`, '-t', '1', '-n', '2', '--json', 'and')
    assert.is(JSON.parse(use.stdout).model, `${REPO}:q4`)
    assert.match((await run('show', '--verify', REPO)).stderr, /all \d+ parts match their checksums\n$/)
    assert.match((await run('list')).stdout, /^org\/model\tq4\t\d+\t\d{4}-\d\d-\d\d\taaaaaaa\nnano\tbuilt-in\t/)
    const bytes = await readFile(stdout.trim())
    bytes[bytes.length - 1000] ^= 1
    await writeFile(stdout.trim(), bytes)
    assertRefused(await run('show', '--verify', REPO), 1, /the packed file is damaged: .*lm_head.* checksum/)
    assertRefused(await run('show', '--verify', 'nano'), 1, /a checkpoint has no checksums/)
  })
})

test('pull reports errors in a line or two', async () => {
  await withServedModel(async (run) => {
    assertRefused(await run('pull', 'org/other'), 1, /org\/other: there is no such model/)
    assertRefused(await run('pull', '../other'), 2, /not the name of a repository/)
    assertRefused(await run('pull', `${REPO}:q9`), 1, /has no GGUF files, so there is no 'q9' of it/)
    assertRefused(await run('pull', REPO, '--revision', 'v2'), 1, /no revision 'v2'/)
    assertRefused(await run('show', REPO), 1, /molm pull org\/model/)
  })
})

test('pull names a folder that cannot be written', async () => {
  await withServedModel(async (_run, _hub, dir) => {
    await writeFile(join(dir, 'file'), '')
    const { code, stderr } = await molm(['pull', REPO], { env: { MOLM_HOME: join(dir, 'file', 'molm') } })
    assert.is(code, 1)
    assert.match(
      stderr,
      /^molm: .*file\/molm: cannot be written \(a part of the path is a file, not a folder\)\nset MOLM_HOME to.*\n$/,
    )
  })
})

test('list shows the built-in model, which rm refuses to remove', async () => {
  await withServedModel(async (run) => {
    const { size } = await stat(repositoryPath('models/nano/model.safetensors'))
    const { stdout, stderr } = await run('list')
    assert.is(stdout, `nano\tbuilt-in\t${size}\t-\t-\n`)
    assert.is(stderr, '')
    const place = { model: 'nano', path: repositoryPath('models/nano'), bytes: size }
    const builtIn = { ...place, modified: null, state: 'built-in', quant: null, source_revision: null }
    assert.equal(JSON.parse((await run('list', '--json')).stdout), [builtIn])
    for (const name of ['nano', 'nano:q4']) {
      assertRefused(await run('rm', name, '--yes'), 1, /nano comes with molm: .* cannot be removed/)
    }
  })
})

test('pull --json prints events; the model is used if the hub cannot be reached', async () => {
  await withServedModel(async (run) => {
    const { code, stdout, stderr } = await run('pull', REPO, '--json')
    assert.equal([code, stderr], [0, ''])
    const events = parseLines(stdout)
    assert.is(events[0].event, 'plan')
    assert.is(events[0].files[0].name, 'pytorch_model.bin')
    assert.ok(events.some(({ event, phase }) => event === 'progress' && phase === 'fetch'))
    const last = events.at(-1)
    assert.equal(Object.keys(last), ['event', 'path', 'bytes', 'repo', 'commit', 'quant', 'was_here', 'warnings'])
    assert.is(last.repo, REPO)
    const path = `${last.path}\n`
    process.env.HF_HUB_OFFLINE = '1'
    const here = await run('pull', REPO)
    assert.is(here.code, 0, here.stderr)
    assert.is(here.stdout, path)
    assert.match(here.stderr, /hub was not asked for a newer commit\n.*is here already, at aaaaaaa/)
    assert.is((await run('pull', REPO, '--revision', 'a'.repeat(40))).stdout, path)
    for (const more of [[`${REPO}:q8`], [REPO, '--verify'], [REPO, '--revision', 'v1']]) {
      assertRefused(await run('pull', ...more), 1, /HF_HUB_OFFLINE forbids fetching it/)
    }
    delete process.env.HF_HUB_OFFLINE
  })
})

test('pull takes the URL of a page; rm asks first, and needs --yes without a terminal', async () => {
  await withServedModel(async (run, hub) => {
    const host = new URL(hub.endpoint).host
    const pages = [`${hub.endpoint}/${REPO}`, `${host}/${REPO}/tree/main`, `https://huggingface.co/${REPO}/`]
    for (const address of [...pages, `hf.co/${REPO}:q4`]) {
      const { code, stdout, stderr } = await run('pull', address)
      assert.is(code, 0, stderr)
      assert.match(stdout, /org\/model\/model-q4/)
    }
    assertRefused(await run('pull', `hf.co/${REPO}/tree/v7`), 1, /no revision 'v7'/)
    assertRefused(await run('pull', `https://elsewhere.example/${REPO}`), 2, /is not on 127\.0\.0\.1:\d+; HF_ENDPOINT/)
    for (const name of ['nano', 'Nano:q8']) assertRefused(await run('pull', name), 1, /nano comes with molm/)
    assertRefused(await run('pull', 'model'), 2, /'model' is not the name of a repository, which begins with its owner/)
    const kept = await run('pull', `${REPO}:q8`, '--keep', '--json')
    assert.is(JSON.parse(kept.stdout.split('\n')[0]).from, 'keep')
    assertRefused(await run('rm', REPO), 2, /there is no terminal to ask at: give --yes/)
    assertRefused(await run('rm', 'org/other', '--yes'), 1, /no pulled model 'org\/other'/)
    assertRefused(await run('rm', '../model', '--yes'), 1, /no pulled model/)
    for (const command of ['rm --yes Org/Model', 'show model', 'show org/modle']) {
      assertRefused(await run(...command.split(' ')), 1, /did you mean org\/model\?$/m)
    }
    const one = await run('rm', `${REPO}:q8`, '--yes')
    assert.match(one.stderr, /removed org\/model:q8 \(q8; \d+ kB\)/)
    assert.match((await run('list')).stdout, /^org\/model\tq4\t[^\n]+\nnano\t/)
    assert.is((await run('rm', REPO, '-y', '-q')).stderr, '')
    assert.match((await run('list')).stdout, /^nano\tbuilt-in\t/)
  })
})

test('throughput is measured over the last seconds', () => {
  let now = 0
  const throughput = new Throughput(() => now)
  assert.is(throughput.perSecond, undefined)
  for (let i = 0; i <= 10; i++, now += 1000) throughput.add(i * 100)
  assert.is(throughput.perSecond, 100)
  for (let i = 0; i < 10; i++, now += 1000) throughput.add(1000)
  assert.is(throughput.perSecond, 0)
})

test.run()
