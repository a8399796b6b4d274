import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fixturePath } from '../support/fixtures.js'
import { HAS_PSEUDO_TERMINAL } from '../support/pseudo-terminal.js'
import { REPO, withHub } from '../support/with-hub.js'
import { ASK } from './gguf-file.js'
import { molm } from './molm.js'
import { inTerminalOf } from './served-model.js'

const inTerminal = HAS_PSEUDO_TERMINAL ? test : test.skip

const SOURCE = 'bartowski/granite-3.1-1b-a400m-instruct-GGUF'
const FILE = 'granite-3.1-1b-a400m-instruct-Q4_K_M.gguf'

inTerminal('a short name is fetched on the way to an answer, once the user says yes', async () => {
  await withHub(async (hub, dir) => {
    hub.serveFiles(SOURCE, new Map([[FILE, await readFile(fixturePath('gguf/granitemoe-all-types/model.gguf'))]]))
    const ask = ['run', '-m', 'granite', ...ASK, 'and']
    const models = () => readdir(join(dir, 'molm', 'models')).catch(() => [])
    await inTerminalOf(
      ask,
      async (terminal) => {
        await terminal.waitFor(/fetch bartowski\/\S+\? \[y\/N\]/)
        const said = terminal.screen.everything.replaceAll('\n', ' ')
        assert.match(said, /^molm: granite is not on this computer: 822 MB to fetch, [\d.]+ \w+ of disk free /)
        assert.match(said, /(?:about|at least) [\d.]+ tokens\/s here, 1\.27 GB of memory; fits; licence apache-2\.0/)
        terminal.type('\r')
        assert.is((await terminal.ended()).code, 1)
        assert.match(terminal.screen.everything, /^molm: granite was not fetched; `molm pull granite` fetches it$/m)
      },
      100,
    )
    assert.equal(await models(), [])
    await inTerminalOf(
      ask,
      async (terminal) => {
        await terminal.waitFor(/\[y\/N\]/)
        terminal.type('y\r')
        assert.is((await terminal.ended()).code, 0)
        const answered = terminal.screen.everything
        assert.match(answered, /^molm: bartowski\/\S+:Q4_K_M at aaaaaaa: 2\.\d+ MB to fetch \(\S+\.gguf\)$/m)
        const again = await molm(ask, { env: { MOLM_HOME: process.env.MOLM_HOME } })
        assert.equal([again.code, again.stderr], [0, ''])
        // Random weights: a terminal gets no control characters of the answer.
        const words = (text: string) => text.replaceAll(/[^\w ]/g, '')
        assert.ok(words(answered).endsWith(words(again.stdout).trim()), `${again.stdout} is not in ${answered}`)
      },
      140,
    )
    assert.equal(await models(), ['bartowski'])
    const listed = await molm(['rm', 'granite', '--yes'], { env: { MOLM_HOME: process.env.MOLM_HOME } })
    assert.is(listed.code, 0, listed.stderr)
  })
})

inTerminal('pull without a name says which models call tools, within the width of the window', async () => {
  await withHub(async () => {
    await inTerminalOf(
      ['pull'],
      async (terminal) => {
        assert.is((await terminal.ended()).code, 0)
        const text = terminal.screen.everything
        assert.match(text, /^ +name +fetches +memory +tokens\/s +of$/m)
        assert.match(text, /^ +granite:1b +822 MB +1\.27 GB +[\d.]+ \/ [\d.]+ +fits +2024-12$/m)
        assert.match(text, /^lfm2\.5:8b: thinks, calls tools$/m)
      },
      72,
    )
  })
})

inTerminal('rm removes the model if the answer is yes, and nothing otherwise', async () => {
  await withHub(async (hub, dir) => {
    await hub.serve(REPO, '02-base-safetensors-f32')
    const models = () => readdir(join(dir, 'molm', 'models'))
    await molm(['pull', REPO, '-t', '1'], { env: { MOLM_HOME: process.env.MOLM_HOME } })
    await inTerminalOf(['rm', REPO], async (terminal) => {
      await terminal.waitFor(/remove org\/model \(q4; \d+ kB\)\? \[y\/N\]/)
      terminal.type('\r')
      assert.is((await terminal.ended()).code, 1)
    })
    assert.equal(await models(), ['org'])
    await inTerminalOf(['rm', REPO], async (terminal) => {
      await terminal.waitFor(/\[y\/N\]/)
      terminal.type('y\r')
      assert.is((await terminal.ended()).code, 0)
    })
    assert.equal(await models(), [])
  })
})

test.run()
