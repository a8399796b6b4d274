import { readdir, readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type PullPlan, type PullProgress, pullModel } from '#molm/index.js'
import { givesExpectedLogits } from '../../support/expected.js'
import { hasPartsOf } from '../../support/packed-parts.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { QUICK, REPO, withHub } from '../../support/with-hub.js'
import { isPulledRight } from './pulled-right.js'

test('a checkpoint with a tokenizer, pulled from the hub, gives the expected logits', () =>
  isPulledRight('01-base-bin-f32', givesExpectedLogits))

test('weights are read once, from the storage itself, and only what is needed is asked for and written', async () => {
  await withHub(async (hub, dir) => {
    hub.token = 'hf_secret'
    const repository = await hub.serve(REPO, '02-base-safetensors-f32')
    const { files } = repository
    repository.extraNames = [
      '../LICENSE-2',
      '..',
      'a/../../LICENSE-2',
      '/LICENSE-2',
      'sub/config.json',
      'LICENSE\\..\\x',
    ]
    files.set('pytorch_model.bin', Buffer.from('not even a checkpoint'))
    const odd = ['LICENSE-\x1b[2J', `LICENSE-${'x'.repeat(300)}`]
    for (const name of ['LICENSE', 'LICENSE de la base de données.txt', ...odd]) files.set(name, Buffer.from(name))
    await rejectsWithUserError(() => pullModel(REPO, QUICK), /no such model .*private \(then give a token/)
    process.env.HF_TOKEN = 'hf_secret'
    const { warnings } = await pullModel(REPO, QUICK)

    const size = files.get('model.safetensors')?.length ?? 0
    const sent = hub.sentOf('model.safetensors')
    assert.ok(sent <= size + 1000, `${sent} bytes of ${size} were fetched`)
    assert.is(hub.sentOf('pytorch_model.bin'), 0, 'safetensors are preferred')
    assert.equal(await readdir(dir), ['molm'])
    assert.equal(await readdir(join(dir, 'molm', 'locks')), [])
    assert.equal((await readdir(join(dir, 'molm', 'models', 'org', 'model'))).sort(), [
      'LICENSE',
      'LICENSE de la base de données.txt',
      'config.json',
      'model-q4.molm.safetensors',
    ])
    assert.not.match(
      hub.seen.map(({ url }) => url).join('\n'),
      /LICENSE-2|%5C|sub\//,
      'names that lead out of the folder',
    )
    assert.is(warnings.length, 1)
    assert.match(warnings[0], /^left out files whose names are too long .*: LICENSE-\\x1b\[2J, LICENSE-x+\.\.\.$/)
    const resolved = hub.seen.filter(({ url }) => url.includes('/resolve/') && url.endsWith('model.safetensors'))
    assert.ok(resolved.length <= 2, `asked the hub ${resolved.length} times for the file's address`)
    const [toHub, toStorage] = ['hub', 'storage'].map((host) => hub.seen.filter((request) => request.host === host))
    assert.ok(toStorage.length > 1 && toStorage.length < 10, `${toStorage.length} requests`)
    for (const request of toStorage) assert.not.match(JSON.stringify(request), /secret/)
    assert.ok(toHub.slice(1).every(({ headers }) => headers.authorization === 'Bearer hf_secret'))
  })
})

test('the plan comes first, with sizes; progress ends at the total', async () => {
  await withHub(async (hub) => {
    const { files, commit } = await hub.serve(REPO, '03-topk4-safetensors-bf16-sharded')
    const plans: PullPlan[] = []
    const steps: PullProgress[] = []
    const { bytes, path } = await pullModel(`${REPO}:f32`, {
      ...QUICK,
      onPlan: (plan) => {
        plans.push(plan)
        assert.is(steps.length, 0)
      },
      onProgress: (step) => steps.push(step),
    })
    assert.is(plans.length, 1)
    const [plan] = plans
    assert.is(plan.commit, commit)
    assert.is(plan.way, 'hub')
    assert.equal(
      plan.files,
      ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'].map((name) => ({
        name,
        bytes: files.get(name)?.length,
      })),
    )
    assert.ok(plan.packedBytes < bytes && plan.packedBytes > bytes - 32768)
    assert.is(plan.disk.length, 1)
    assert.is(plan.disk[0].bytes, plan.packedBytes)
    assert.ok(plan.disk[0].free > 0 && plan.memory.free > 0 && plan.memory.packing > 0)
    const last = steps.at(-1)
    assert.is(last?.phase, 'fetch')
    assert.is(last?.done, last?.total)
    assert.is(last?.total, plan.fetchBytes)
    for (const [i, step] of steps.entries()) assert.ok(i === 0 || step.done >= steps[i - 1].done)
    assert.ok(steps.some(({ item }) => item === 'layers.0.mlp.1'))
    await hasPartsOf(path, '03-topk4-safetensors-bf16-sharded')
  })
})

test('a second pull fetches only another commit or packing, or what is lost beside the weights', async () => {
  await withHub(async (hub) => {
    const repository = await hub.serve(REPO, '05-linear-silu-safetensors-f32')
    const first = await pullModel(REPO, QUICK)
    const sent = hub.sentOf('model.safetensors')
    assert.equal(await pullModel(REPO, QUICK), { ...first, wasHere: true })
    assert.is(hub.sentOf('model.safetensors'), sent)
    const config = join(dirname(first.path), 'config.json')
    const before = await readFile(config)
    await rm(config)
    assert.not((await pullModel(REPO, QUICK)).wasHere)
    assert.ok(before.equals(await readFile(config)))
    assert.not((await pullModel(`${REPO}:q8`, QUICK)).wasHere)
    repository.commit = 'b'.repeat(40)
    assert.is((await pullModel(REPO, QUICK)).commit, repository.commit)
  })
})

test('invalid names, packings and revisions are wrong usage', async () => {
  for (const name of [
    '',
    'a/b/c',
    '../x',
    'a/..',
    'a b',
    'org/model:',
    'org/model:../x',
    'org/model:q4:q4',
    '.hidden/..',
  ]) {
    await rejectsWithUserError(() => pullModel(name), /not the name of a repository/)
  }
  for (const revision of ['', '../x', 'a/../b', '/etc', 'a//b', 'x y']) {
    await rejectsWithUserError(() => pullModel(REPO, { revision }), /not the name of a revision/)
  }
  await rejectsWithUserError(() => pullModel(`${REPO}:q8`, { quant: 'q4' }), /asks for q8 and `quant` for q4/)
})

test('an index with a shard outside the repository is refused', async () => {
  await withHub(async (hub) => {
    const { files } = await hub.serve(REPO, '03-topk4-safetensors-bf16-sharded')
    const index = files.get('model.safetensors.index.json')?.toString() ?? ''
    files.set(
      'model.safetensors.index.json',
      Buffer.from(index.replaceAll('model-00002-of-00002.safetensors', '../../../etc/passwd')),
    )
    await rejectsWithUserError(() => pullModel(REPO, QUICK), /not a file in this folder/)
  })
})

test.run()
