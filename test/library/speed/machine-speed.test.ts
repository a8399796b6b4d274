import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { machineSpeed } from '#molm/library/speed/machine-speed.js'
import { MEASURED, measureMachine } from '#molm/library/speed/measure-machine.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

test('the speed of the machine is kept until the machine changes or the file is damaged', async () => {
  const before = process.env.MOLM_HOME
  const all = { q4: 1, q4m: 2, q8: 3, mxfp4: 4 }
  let measured = 0
  const speedOf = (isDisturbed: boolean) =>
    machineSpeed(async () => ({ speed: { streamed: all, products: all, call: ++measured }, isDisturbed }))
  try {
    await inTemporaryFolder(async (dir) => {
      process.env.MOLM_HOME = join(dir, 'home')
      const path = join(dir, 'home', 'speed.json')
      assert.is((await speedOf(true)).call, 1)
      assert.is((await speedOf(false)).call, 2, 'a measurement that others disturbed was kept')
      assert.equal(await speedOf(false), { streamed: all, products: all, call: 2 })
      const kept = JSON.parse(await readFile(path, 'utf8'))
      for (const text of [JSON.stringify({ ...kept, machine: { ...kept.machine, cores: 0 } }), '{"speed": {}}', '{']) {
        await writeFile(path, text)
        assert.is((await speedOf(false)).call, measured)
        assert.equal(JSON.parse(await readFile(path, 'utf8')).machine, kept.machine)
      }
      assert.is(measured, 5)
      await rm(path)
      await writeFile(join(dir, 'file'), '')
      process.env.MOLM_HOME = join(dir, 'file')
      assert.is((await speedOf(false)).call, 6, 'a home that is a file keeps nothing')
    })
  } finally {
    if (before === undefined) delete process.env.MOLM_HOME
    else process.env.MOLM_HOME = before
  }
})

test('a measurement has the speeds of all formats', async () => {
  const { speed } = await measureMachine(2)
  for (const speeds of [speed.streamed, speed.products]) {
    assert.equal(Object.keys(speeds), [...MEASURED])
    for (const [format, found] of Object.entries(speeds)) assert.ok(found > 1e5 && found < 1e14, `${format} ${found}`)
  }
  assert.ok(speed.call > 1e-9 && speed.call < 10, `${speed.call}`)
})

test.run()
