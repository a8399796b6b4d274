import { mkdir, writeFile } from 'node:fs/promises'
import os from 'node:os'
import { dirname, join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  availableMemory,
  freeOnMachine,
  limitOfCgroup,
  roomInCgroup,
  totalMemory,
} from '#molm/library/machine/memory.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

const test = suite('available memory')

type Files = Record<string, string | number>

/** Room according to files of these names and contents; `self` is /proc/self/cgroup. */
const roomIn = (files: Files) => readIn(files, roomInCgroup)
/** Limit according to such files. */
const limitIn = (files: Files) => readIn(files, limitOfCgroup)

function readIn(files: Files, reader: typeof roomInCgroup): Promise<number> {
  return inTemporaryFolder(async (dir) => {
    for (const [name, content] of Object.entries(files)) {
      await mkdir(dirname(join(dir, name)), { recursive: true })
      await writeFile(join(dir, name), `${content}\n`)
    }
    return reader(join(dir, 'fs'), join(dir, 'self'))
  })
}

test('is above 0, and at most all of the machine', () => {
  const free = availableMemory()
  assert.ok(free > 0 && free <= os.totalmem(), `${free}`)
  assert.is(totalMemory(), Math.min(os.totalmem(), limitOfCgroup()))
})

test('a system that does not report available memory gives the process half of it, minus what it holds', () => {
  const machine = { free: 100, total: 8_000, own: 1_500 }
  assert.is(freeOnMachine({ platform: 'darwin', ...machine }), 2_500)
  assert.is(freeOnMachine({ platform: 'darwin', ...machine, own: 3_950 }), 100)
  assert.is(freeOnMachine({ platform: 'darwin', ...machine, free: 6_000 }), 6_000)
  for (const platform of ['linux', 'win32'] as const) assert.is(freeOnMachine({ platform, ...machine }), 100)
})

test('is unlimited without a control group', async () => {
  assert.is(await roomIn({}), Infinity)
  assert.is(await roomIn({ self: '0::/', 'fs/memory.max': 'max', 'fs/memory.current': 1000 }), Infinity)
  assert.is(await roomIn({ self: 'nonsense' }), Infinity)
  assert.is(await limitIn({ self: '0::/', 'fs/memory.max': 'max', 'fs/memory.current': 1000 }), Infinity)
  assert.is(await limitIn({}), Infinity)
})

test('version 2: the limit minus the usage, except for cached files', async () => {
  const group = { self: '0::/user/shell', 'fs/user/shell/memory.max': 1000, 'fs/user/shell/memory.current': 900 }
  assert.is(await roomIn(group), 100)
  const stat = 'anon 300\nfile 550\ninactive_file 400\nactive_file 150\nslab_inactive_file 7'
  assert.is(await roomIn({ ...group, 'fs/user/shell/memory.stat': stat }), 650)
})

test('version 2: a parent group may allow less', async () => {
  const files = {
    self: '0::/user/shell',
    'fs/user/shell/memory.max': 'max',
    'fs/user/shell/memory.current': 10,
    'fs/user/memory.max': 500,
    'fs/user/memory.current': 450,
  }
  assert.is(await roomIn(files), 50)
  assert.is(await limitIn(files), 500)
})

test('version 1: the same, also among other controllers', async () => {
  const files = {
    self: '5:cpu:/elsewhere\n4:hugetlb,memory:/docker/abc\n0::/',
    'fs/memory/docker/abc/memory.limit_in_bytes': 4000,
    'fs/memory/docker/abc/memory.usage_in_bytes': 3500,
    'fs/memory/docker/abc/memory.stat': 'inactive_file 9\ntotal_inactive_file 1000\ntotal_active_file 500',
    'fs/memory/memory.limit_in_bytes': '9223372036854771712',
    'fs/memory/memory.usage_in_bytes': 20_000,
  }
  assert.is(await roomIn(files), 2000)
  assert.is(await limitIn(files), 4000)
})

test('in a container the group appears as the root', async () => {
  const files = { self: '4:memory:/docker/abc', 'fs/memory/memory.limit_in_bytes': 4000 }
  assert.is(await roomIn({ ...files, 'fs/memory/memory.usage_in_bytes': 5000 }), 0)
  assert.is(await roomIn({ ...files, 'fs/memory/memory.usage_in_bytes': 1500 }), 2500)
})

test.run()
