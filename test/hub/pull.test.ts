import { readdir, readFile, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type PullPlan, type PullProgress, pullModel } from '#molm/index.js'
import { verifyChecksums } from '#molm/packing/format/checksums.js'
import { openPackedFile } from '#molm/packing/format/packed-file.js'
import { givesExpectedLogits } from '../support/expected-logits.js'
import { FIXTURES } from '../support/fixtures.js'
import { rejectsWithUserError } from '../support/rejects.js'
import { IMPATIENT, withHub } from '../support/with-hub.js'

const QUICK = { threads: 1, network: IMPATIENT }
const REPO = 'org/model'

for (const fixture of FIXTURES) {
  test(`${fixture}: pulled from the hub, it gives the expected logits`, async () => {
    await withHub(async (hub, dir) => {
      const { files, commit } = await hub.serve(REPO, fixture)
      const { path, bytes, wasHere } = await pullModel(`${REPO}:f32`, QUICK)
      assert.is(path, join(dir, 'molm', 'models', 'org', 'model', 'model-f32.molm.safetensors'))
      assert.is((await stat(path)).size, bytes)
      assert.not(wasHere)
      const packed = await openPackedFile(path)
      await verifyChecksums(packed)
      assert.is(packed.metadata.source, REPO)
      assert.is(packed.metadata.sourceRevision, commit)
      const names = [...files.keys()].filter((name) => /^(config|tokenizer|tokenizer_config|vocab)\.json$/.test(name))
      for (const name of names) {
        assert.ok((await readFile(join(dir, 'molm', 'models', 'org', 'model', name))).equals(files.get(name) as Buffer))
      }
      await givesExpectedLogits(REPO, fixture)
    })
  })
}

test('weights are read once, and the raw files are never on the disk', async () => {
  await withHub(async (hub, dir) => {
    const { files } = await hub.serve(REPO, '02-base-safetensors-f32')
    await pullModel(REPO, QUICK)
    const size = files.get('model.safetensors')?.length ?? 0
    const sent = hub.sentOf('model.safetensors')
    assert.ok(sent <= size + 1000, `${sent} bytes of ${size} were fetched`)
    assert.equal((await readdir(join(dir, 'molm', 'models', 'org', 'model'))).sort(), [
      'config.json',
      'model-q4.molm.safetensors',
    ])
    assert.equal(await readdir(join(dir, 'molm', 'locks')), [])
    assert.equal(await readdir(dir), ['molm'])
  })
})

test('safetensors are preferred to .bin, which is not fetched', async () => {
  await withHub(async (hub) => {
    const { files } = await hub.serve(REPO, '02-base-safetensors-f32')
    files.set('pytorch_model.bin', Buffer.from('not even a checkpoint'))
    await pullModel(REPO, QUICK)
    assert.is(hub.sentOf('pytorch_model.bin'), 0)
  })
})

test('the plan comes first, with sizes; progress ends at the total', async () => {
  await withHub(async (hub) => {
    const { files, commit } = await hub.serve(REPO, '03-topk4-safetensors-bf16-sharded')
    const plans: PullPlan[] = []
    const steps: PullProgress[] = []
    const { bytes } = await pullModel(REPO, {
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
  })
})

test('a second pull fetches only another commit or packing', async () => {
  await withHub(async (hub) => {
    const repository = await hub.serve(REPO, '05-linear-silu-safetensors-f32')
    const first = await pullModel(REPO, QUICK)
    const sent = hub.sentOf('model.safetensors')
    const again = await pullModel(REPO, QUICK)
    assert.ok(again.wasHere)
    assert.is(again.path, first.path)
    assert.is(again.bytes, first.bytes)
    assert.is(hub.sentOf('model.safetensors'), sent)
    assert.not((await pullModel(`${REPO}:q8`, QUICK)).wasHere)
    repository.commit = 'b'.repeat(40)
    assert.is((await pullModel(REPO, QUICK)).commit, repository.commit)
  })
})

test('a pulled model that lacks files beside its weights is pulled again', async () => {
  await withHub(async (hub) => {
    await hub.serve(REPO, '05-linear-silu-safetensors-f32')
    const { path } = await pullModel(REPO, QUICK)
    const config = join(dirname(path), 'config.json')
    const before = await readFile(config)
    await rm(config)
    assert.not((await pullModel(REPO, QUICK)).wasHere)
    assert.ok(before.equals(await readFile(config)))
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

test('names from the hub that lead out of the folder are neither fetched nor written', async () => {
  await withHub(async (hub, dir) => {
    const repository = await hub.serve(REPO, '02-base-safetensors-f32')
    repository.extraNames = ['../LICENSE', '..', 'a/../../LICENSE', '/LICENSE', 'sub/config.json', 'LICENSE\\..\\x']
    await pullModel(REPO, QUICK)
    const urls = hub.seen.map(({ url }) => url).join('\n')
    assert.not.match(urls, /LICENSE|sub/)
    assert.equal(await readdir(dir), ['molm'])
    assert.equal((await readdir(join(dir, 'molm', 'models', 'org', 'model'))).sort(), [
      'config.json',
      'model-q4.molm.safetensors',
    ])
  })
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

test('the token is sent to the hub and never to the storage', async () => {
  await withHub(async (hub) => {
    hub.token = 'hf_secret'
    await hub.serve(REPO, '02-base-safetensors-f32')
    await rejectsWithUserError(() => pullModel(REPO, QUICK), /no such model .*private \(then give a token/)
    process.env.HF_TOKEN = 'hf_secret'
    await pullModel(REPO, QUICK)
    const [toHub, toStorage] = ['hub', 'storage'].map((host) => hub.seen.filter((request) => request.host === host))
    assert.ok(toStorage.length > 10)
    for (const { headers } of toStorage) assert.not.match(JSON.stringify(headers), /secret/)
    assert.ok(toHub.slice(1).every(({ headers }) => headers.authorization === 'Bearer hf_secret'))
    assert.ok(toStorage.every(({ url }) => !url.includes('secret')))
  })
})

test('the storage is asked at its own address, without the hub in between', async () => {
  await withHub(async (hub) => {
    await hub.serve(REPO, '02-base-safetensors-f32')
    await pullModel(REPO, QUICK)
    const resolved = hub.seen.filter(({ url }) => url.includes('/resolve/') && url.endsWith('model.safetensors'))
    assert.ok(resolved.length <= 2, `asked the hub ${resolved.length} times for the file's address`)
  })
})

test('licences whose names are too long or could control a terminal are skipped with a warning', async () => {
  await withHub(async (hub, dir) => {
    const { files } = await hub.serve(REPO, '02-base-safetensors-f32')
    const odd = ['LICENSE-\x1b[2J', `LICENSE-${'x'.repeat(300)}`]
    for (const name of ['LICENSE', 'LICENSE de la base de données.txt', ...odd]) files.set(name, Buffer.from(name))
    for (const keep of [false, true]) {
      const { warnings } = await pullModel(`${REPO}:${keep ? 'q8' : 'q4'}`, { ...QUICK, keep })
      assert.is(warnings.length, 1)
      assert.match(warnings[0], /^left out files whose names are too long .*: LICENSE-\\x1b\[2J, LICENSE-x+\.\.\.$/)
    }
    const licences = (await readdir(join(dir, 'molm', 'models', 'org', 'model'))).filter((name) =>
      /^LICENSE/.test(name),
    )
    assert.equal(licences.sort(), ['LICENSE', 'LICENSE de la base de données.txt'])
  })
})

test.run()
