import { readFile } from 'node:fs/promises'
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

test.run()
