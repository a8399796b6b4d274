import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { HAS_PSEUDO_TERMINAL } from '../support/pseudo-terminal.js'
import { REPO, withHub } from '../support/with-hub.js'
import { molm } from './molm.js'
import { inTerminalOf } from './served-model.js'

const inTerminal = HAS_PSEUDO_TERMINAL ? test : test.skip

inTerminal('pull without a name says which models call tools, within the width of the window', async () => {
  await inTerminalOf(
    ['pull'],
    async (terminal) => {
      assert.is((await terminal.ended()).code, 0)
      const text = terminal.screen.everything
      assert.match(text, /^ +8 GB +ibm-granite\/granite-3\.1-1b-a400m-instruct +2\.67 GB +1\.08 GB +219 \/ 111$/m)
      assert.match(text, /^Qwen\/Qwen3-30B-A3B-Instruct-2507: calls tools$/m)
    },
    80,
  )
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
