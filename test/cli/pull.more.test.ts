import { cp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { until } from '../support/until.js'
import { REPO } from '../support/with-hub.js'
import { assertRefused, ended, NANO, startMolm } from './molm.js'
import { withServedModel } from './served-model.js'

test('an interrupted pull says that it can be resumed, and it can', async () => {
  await withServedModel(async (run, hub, dir) => {
    // Its weights are large enough for several requests.
    const files = ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json']
    const read = files.map(async (name) => [name, await readFile(join(NANO, name))] as const)
    hub.serveFiles(REPO, new Map(await Promise.all(read)))
    let requests = 0
    const child = startMolm(['pull', REPO, '-t', '1'], { MOLM_HOME: process.env.MOLM_HOME })
    // The later requests have no answer, so the pull is still under way when its first parts are packed.
    hub.fault = ({ host }) => host === 'storage' && ++requests > 12
    const journal = join(dir, 'molm', 'models', REPO, '.molm.partial', 'model-q4.molm.safetensors.journal')
    await until(async () => (await readFile(journal, 'utf8').catch(() => '')).split('\n').length > 3, 'packed parts')
    child.kill('SIGINT')
    const { code, stdout, stderr } = await ended(child)
    hub.fault = undefined
    assert.is(code, 130)
    assert.is(stdout, '')
    assert.match(stderr, /progress is kept: run the same command to resume\n$/)
    const partial = await run('list')
    assert.match(partial.stdout, /^org\/model\tpartial\t\d+\t/)
    assertRefused(await run('show', REPO), 1, /only partly pulled; `molm pull org\/model` resumes/)
    const { stderr: told } = await run('pull', REPO)
    assert.match(told, /resuming an earlier pull/)
  })
})

test('a pulled model takes precedence over a built-in one of the same name, and can be removed', async () => {
  await withServedModel(async (run, _, dir) => {
    await run('pull', REPO)
    const models = join(dir, 'molm', 'models')
    await rename(join(models, 'org', 'model'), join(models, 'nano'))
    assert.match((await run('list')).stdout, /^nano\tq4\t[^\n]+\n$/)
    assert.match((await run('rm', 'nano', '--yes')).stderr, /removed nano \(q4; /)
    assert.match((await run('list')).stdout, /^nano\tbuilt-in\t[^\n]+\n$/)
  })
})

test('list shows every packing: tab-separated, or as JSON', async () => {
  await withServedModel(async (run, _, dir) => {
    await run('pull', REPO)
    assert.match((await run('list')).stdout, /^org\/model\tq4\t\d+\t\d{4}-\d\d-\d\d\taaaaaaa\nnano\tbuilt-in\t/)
    await run('pull', `${REPO}:q8`)
    const models = JSON.parse((await run('list', '--json')).stdout)
    assert.equal(
      models.map(({ model, quant, state }: Record<string, string | null>) => [model, quant, state]),
      [
        ['org/model:q8', 'q8', 'whole'],
        ['org/model:q4', 'q4', 'whole'],
        ['nano', null, 'built-in'],
      ],
    )
    assert.is(models[0].source_revision, 'a'.repeat(40))
    await writeFile(join(dir, 'molm', 'models', 'org', 'model', 'model-q8.molm.safetensors'), 'short')
    assert.match((await run('list')).stdout, /^org\/model:q8\tdamaged\t5\t/)
    assert.is(JSON.parse((await run('show', REPO, '--json')).stdout).quant, 'q4')
    await rm(join(dir, 'molm', 'models', 'org', 'model', 'model-q4.molm.safetensors'))
    await run('pull', `${REPO}:q8`)
    await run('pull', `${REPO}:f32`)
    assertRefused(await run('show', REPO), 1, /name one, org\/model:f32 or org\/model:q8/)
    assertRefused(
      await run('show', `${REPO}:q4`),
      1,
      /is pulled as f32, q8, not q4; `molm pull org\/model:q4` fetches it/,
    )
  })
})

test('rm of a model keeps the models of an owner with the same name', async () => {
  await withServedModel(async (run, _, dir) => {
    await run('pull', REPO)
    const models = join(dir, 'molm', 'models')
    for (const name of ['model-q4.molm.safetensors', 'config.json'])
      await cp(join(models, 'org', 'model', name), join(models, 'org', name))
    assert.match((await run('list')).stdout, /^org\tq4.*\norg\/model\tq4/)
    assert.is((await run('rm', 'org', '--yes')).code, 0)
    assert.match((await run('list')).stdout, /^org\/model\tq4/)
    assert.equal(await readdir(join(models, 'org')), ['model'])
    assert.is((await run('rm', REPO, '--yes')).code, 0)
    assert.equal(await readdir(models), [])
  })
})

test('a renamed model is stored under its new name, and both names find it', async () => {
  await withServedModel(async (run, hub, dir) => {
    hub.renamed.set('old/model', REPO)
    const { code, stdout, stderr } = await run('pull', 'old/model')
    assert.is(code, 0, stderr)
    assert.match(stderr, /^molm: old\/model is now called org\/model\n/)
    assert.is(stdout, `${join(dir, 'molm', 'models', 'org', 'model', 'model-q4.molm.safetensors')}\n`)
    for (const name of ['old/model', REPO]) {
      assert.is(JSON.parse((await run('show', name, '--json')).stdout).source, REPO)
      assert.match((await run('pull', name)).stderr, /org\/model is here already/)
    }
    assert.match((await run('list')).stdout, /^org\/model\tq4\t[^\n]+\nnano\t/)
    assert.is((await run('rm', 'old/model', '--yes')).code, 0)
    assert.equal(await readdir(join(dir, 'molm', 'models')), [])
  })
})

test.run()
