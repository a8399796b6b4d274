import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { describeCosts } from '#molm/cli/setup/fetch-model.js'
import { knownModels } from '#molm/library/known-models.js'
import { MEASURED, machineSpeed, measureMachine } from '#molm/library/machine/machine-speed.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

async function inHome(use: (dir: string) => Promise<void>): Promise<void> {
  const before = process.env.MOLM_HOME
  try {
    await inTemporaryFolder(async (dir) => {
      process.env.MOLM_HOME = join(dir, 'home')
      await use(dir)
    })
  } finally {
    if (before === undefined) delete process.env.MOLM_HOME
    else process.env.MOLM_HOME = before
  }
}

test('the speed of the machine is kept until the machine changes or the file is damaged', async () => {
  const all = { q4: 1, q4m: 2, q8: 3, mxfp4: 4 }
  let measured = 0
  const speedOf = async () => {
    const speed = { streamed: all, products: all, call: ++measured }
    return (await machineSpeed(async () => ({ speed, isDisturbed: false }))).speed
  }
  await inHome(async (dir) => {
    const path = join(dir, 'home', 'speed.json')
    assert.is((await speedOf()).call, 1)
    assert.equal(await speedOf(), { streamed: all, products: all, call: 1 })
    const kept = JSON.parse(await readFile(path, 'utf8'))
    for (const text of [JSON.stringify({ ...kept, machine: { ...kept.machine, cores: 0 } }), '{"speed": {}}', '{']) {
      await writeFile(path, text)
      assert.is((await speedOf()).call, measured)
      assert.equal(JSON.parse(await readFile(path, 'utf8')).machine, kept.machine)
    }
    assert.is(measured, 5)
    await rm(path)
    await writeFile(join(dir, 'file'), '')
    process.env.MOLM_HOME = join(dir, 'file')
    assert.is((await speedOf()).call, 6, 'a home that is a file keeps nothing')
  })
})

test('of measurements that other programs slowed down the fastest counts, until one is undisturbed', async () => {
  const measure = (rate: number, isDisturbed: boolean) =>
    machineSpeed(async () => {
      const all = { q4: rate, q4m: 3 - rate, q8: rate, mxfp4: rate }
      return { speed: { streamed: all, products: all, call: 1 / rate }, isDisturbed }
    })
  await inHome(async () => {
    const first = await measure(2, true)
    assert.equal([first.speed.streamed.q4, first.isDisturbed], [2, true])
    const { speed, isDisturbed } = await measure(1, true)
    assert.equal(speed.streamed, { q4: 2, q4m: 2, q8: 2, mxfp4: 2 })
    assert.equal([speed.products, speed.call, isDisturbed], [speed.streamed, 1 / 2, true])
    assert.equal([(await measure(1.5, false)).speed.call, (await measure(9, true)).speed.call], [1 / 1.5, 1 / 1.5])
    const [known] = await knownModels()
    assert.is(known.isSpeedLeast, false)
    assert.match(describeCosts(known), /^about \d/)
    assert.match(describeCosts({ ...known, isSpeedLeast: true }), /^at least \d/)
  })
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
