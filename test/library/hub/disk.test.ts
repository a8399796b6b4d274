import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { mkdir, readdir, rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { pullModel } from '#molm/index.js'
import { checkPlan, memoryNeeds, type PullPlan } from '#molm/library/hub/plan.js'
import { diskNeeds } from '#molm/library/machine/disk.js'
import { layoutOf } from '#molm/model/families/index.js'
import { publishedShape } from '#molm/model/families/published-shapes.js'
import { formatsFor } from '#molm/model/packing/format/formats.js'
import { isNear } from '../../support/compare.js'
import { hasPartsOf } from '../../support/packed-parts.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'
import { isUnfinished, planOf, QUICK, REPO, withHub } from '../../support/with-hub.js'

const FIXTURE = '02-base-safetensors-f32'
const MIB = 2 ** 20

/** Runs `use` with a small disk mounted in `dir`; false if this process may not mount one. */
async function withSmallDisk(dir: string, bytes: number, use: (disk: string) => Promise<unknown>): Promise<boolean> {
  const disk = join(dir, 'disk')
  await mkdir(disk)
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', disk])
  if (mounted.status !== 0) return false
  try {
    await use(disk)
  } finally {
    spawnSync('umount', [disk])
  }
  return true
}

const mayMount = await (async () => {
  let may = false
  await inTemporaryFolder(async (dir) => {
    may = await withSmallDisk(dir, MIB, async () => {})
  })
  return may
})()
const onDisk = mayMount ? test : test.skip
const reason = mayMount ? '' : ' (skipped: no right to mount a small disk here)'

onDisk(`a disk that is too small is reported before anything is fetched${reason}`, async () => {
  await withHub(async (hub, dir) => {
    await hub.serve(REPO, FIXTURE)
    const { packedBytes } = await planOf(`${REPO}:f32`)
    const sentBefore = hub.sentOf('model.safetensors')
    await withSmallDisk(dir, 17 * MIB, async (disk) => {
      process.env.MOLM_HOME = disk
      const message = await rejectsWithUserError(
        () => pullModel(`${REPO}:f32`, QUICK),
        /org\/model: needs \d\.\d+ MB of disk in .*disk\/models\/org\/model, and 16\.8 MB to spare; 17\.8 MB are free\nmake room there/,
      )
      // The figure has three digits and omits the file's header.
      isNear([Number(/needs (\S+) MB/.exec(message)?.[1]) * 1e6], [packedBytes], 20_000, 'bytes that are needed')
      assert.ok(hub.sentOf('model.safetensors') - sentBefore < 10_000)
      assert.equal(await readdir(join(disk, 'models')).catch(() => []), [])
    })
  })
})

onDisk(`a disk that fills up ends the pull, which resumes once there is room${reason}`, async () => {
  for (const keep of [false, true]) {
    await withHub(async (hub, dir) => {
      await hub.serve(REPO, FIXTURE)
      await withSmallDisk(dir, 24 * MIB, async (disk) => {
        process.env.MOLM_HOME = join(disk, 'molm')
        process.env.HF_HOME = join(disk, 'hf')
        const ballast = join(disk, 'ballast')
        const { bavail, bsize } = await statfs(disk)
        const fill = () => writeFileSync(ballast, Buffer.alloc(bavail * bsize - 1.2 * MIB))
        await rejectsWithUserError(
          () => pullModel(`${REPO}:f32`, { ...QUICK, keep, onPlan: fill }),
          /disk.*(the disk is full|ENOSPC)/,
        )
        await isUnfinished(join(disk, 'molm'))
        await rm(ballast)
        const { path } = await pullModel(`${REPO}:f32`, { ...QUICK, keep })
        await hasPartsOf(path, FIXTURE)
      })
    })
  }
})

test('space needed on the same file system is added up', async () => {
  await inTemporaryFolder(async (dir) => {
    await writeFile(join(dir, 'file'), '')
    const needs = await diskNeeds([
      { folder: join(dir, 'not', 'yet'), bytes: 5 },
      { folder: dir, bytes: 7 },
    ])
    assert.is(needs.length, 1)
    assert.is(needs[0].bytes, 12)
    assert.is(needs[0].folder, join(dir, 'not', 'yet'))
    assert.ok(needs[0].free > 0)
  })
})

test('a plan that does not fit is refused with its needs', async () => {
  const plan: PullPlan = {
    repo: REPO,
    commit: 'c0ffee',
    quant: 'q4',
    way: 'hub',
    files: [],
    fetchBytes: 0,
    packedBytes: 100 * MIB,
    partsDone: 0,
    parts: 1,
    disk: [{ folder: '/models', bytes: 100 * MIB, free: 200 * MIB }],
    memory: { packing: 300 * MIB, running: 400 * MIB, free: 350 * MIB },
  }
  checkPlan(plan)
  await rejectsWithUserError(
    () => checkPlan({ ...plan, disk: [{ ...plan.disk[0], free: 110 * MIB }] }),
    /needs 105 MB of disk in \/models, and 16.8 MB to spare; 115 MB are free/,
  )
  await rejectsWithUserError(
    () => checkPlan({ ...plan, memory: { ...plan.memory, free: 299 * MIB } }),
    /packing needs 315 MB of memory, 314 MB are free/,
  )
})

test('packing needs room for an expert, but not for the whole table of a large vocabulary', () => {
  const layout = layoutOf(publishedShape('qwen3-30b-a3b'), formatsFor('q8'))
  assert.ok(layout.part('embedding').bytes > 300 * MIB && layout.part('lm_head').bytes > 300 * MIB)
  const small = memoryNeeds(layout, 64 * MIB).packing
  assert.ok(small > 320 * MIB && small < 450 * MIB, `${small / MIB} MiB`)
  const experts = layoutOf(publishedShape('mixtral-8x7b'), formatsFor('q8'))
  assert.ok(memoryNeeds(experts, 64 * MIB).packing >= 320 * MIB + 2 * experts.part('layers.0.mlp.0').bytes)
})

test.run()
