import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { machineSpeed } from '#molm/library/speed/machine-speed.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

test('the speed of the machine is kept until the machine changes or the file is damaged', async () => {
  const before = process.env.MOLM_HOME
  try {
    await inTemporaryFolder(async (dir) => {
      process.env.MOLM_HOME = join(dir, 'home')
      const path = join(dir, 'home', 'speed.json')
      const measured = await machineSpeed()
      for (const speeds of [measured.streamed, measured.products]) {
        for (const [format, speed] of Object.entries(speeds))
          assert.ok(speed > 1e6 && speed < 1e13, `${format} ${speed}`)
      }
      assert.ok(measured.call > 1e-8 && measured.call < 1, `${measured.call}`)
      const kept = JSON.parse(await readFile(path, 'utf8'))
      assert.equal(kept.speed, measured)
      await writeFile(path, JSON.stringify({ ...kept, speed: { ...measured, call: 42 } }))
      assert.is((await machineSpeed()).call, 42)
      for (const text of [JSON.stringify({ ...kept, machine: { ...kept.machine, cores: 0 } }), '{"speed": {}}', '{']) {
        await writeFile(path, text)
        assert.is.not((await machineSpeed()).call, 42)
        assert.equal(JSON.parse(await readFile(path, 'utf8')).machine, kept.machine)
      }
    })
  } finally {
    if (before === undefined) delete process.env.MOLM_HOME
    else process.env.MOLM_HOME = before
  }
})

test.run()
