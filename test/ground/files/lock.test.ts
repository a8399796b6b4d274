import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { takeLock, thisProcess } from '#molm/ground/files/lock.js'
import { pullModel, removeModel } from '#molm/index.js'
import { besideContained, canUnshare } from '../../support/pid-namespace.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'
import { IMPATIENT, withHub } from '../../support/with-hub.js'

const QUICK = { threads: 1, network: IMPATIENT }

const onLinux = process.platform === 'linux' ? test : test.skip
const ifUnshared = canUnshare ? test : test.skip

/** Process id that is not in use. */
const NO_PROCESS = 2 ** 22 + 1

/** Writes a lock of this process, with the changes in `change`. */
async function lockOf(path: string, change: object): Promise<void> {
  await writeFile(path, JSON.stringify({ ...(await thisProcess()), ...change }))
}

/** Makes a lock look as if it had been written some seconds ago. */
async function age(path: string, seconds: number): Promise<void> {
  const then = new Date(Date.now() - 1000 * seconds)
  await utimes(path, then, then)
}

test('a lock has one holder, and is free after its release', () =>
  inTemporaryFolder(async (dir) => {
    const path = join(dir, 'deep', 'a.lock')
    const lock = await takeLock(path, 'a pull of org/model')
    await rejectsWithUserError(
      () => takeLock(path, 'a pull of org/model'),
      new RegExp(`^a pull of org/model is already under way \\(process ${process.pid}\\)`),
    )
    await lock.release()
    await (await takeLock(path, 'x')).release()
    assert.equal(await readdir(join(dir, 'deep')), [])
  }))

test('who is patient waits for the lock of another, for a time', () =>
  inTemporaryFolder(async (dir) => {
    const path = join(dir, 'a.lock')
    const first = await takeLock(path, 'a change')
    const second = takeLock(path, 'a change', 600_000)
    await rejectsWithUserError(() => takeLock(path, 'a change', 1), /^a change is already under way/)
    await first.release()
    await (await second).release()
    assert.equal(await readdir(dir), [])
  }))

test('exactly one of several callers gets a lock, even a stale one', async () => {
  for (const isStale of [false, ...new Array(5).fill(true)]) {
    await inTemporaryFolder(async (dir) => {
      const path = join(dir, 'a.lock')
      if (isStale) await lockOf(path, { pid: NO_PROCESS })
      const tries = await Promise.allSettled(Array.from({ length: 20 }, () => takeLock(path, 'x')))
      const taken = tries.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
      assert.is(taken.length, 1)
      await taken[0].release()
      assert.equal(await readdir(dir), [])
    })
  }
})

test('without hard links, a lock that is empty for a moment does not count as damaged', () =>
  inTemporaryFolder(async (dir) => {
    const path = join(dir, 'a.lock')
    await writeFile(path, '')
    const second = takeLock(path, 'x')
    second.catch(() => undefined)
    await sleep(50)
    await lockOf(path, { pid: 1, host: 'elsewhere' })
    await rejectsWithUserError(() => second, /process 1 on elsewhere/)
    await writeFile(path, '')
    await utimes(path, 0, 0)
    await (await takeLock(path, 'x')).release()
  }))

test('a lock is stale if its process has ended, even if another process has its id now', () =>
  inTemporaryFolder(async (dir) => {
    const path = join(dir, 'a.lock')
    const child = spawn(process.execPath, ['-e', ''])
    await once(child, 'exit')
    await lockOf(path, { pid: child.pid })
    await (await takeLock(path, 'x')).release()
    if (process.platform === 'linux') await lockOf(path, { started: '1' })
    await (await takeLock(path, 'x')).release()
    await writeFile(path, '{"pid":')
    await (await takeLock(path, 'x')).release()
  }))

onLinux('a zombie process holds no lock', () =>
  inTemporaryFolder(async (dir) => {
    const path = join(dir, 'a.lock')
    // The shell becomes `sleep`, which never waits for the shell's child. The child must outlive that moment, since the
    // shell itself would reap it.
    const parent = spawn('sh', ['-c', 'cat <&3 & echo $!; exec sleep 60'], {
      stdio: ['ignore', 'pipe', 'ignore', 'pipe'],
    })
    try {
      const [line] = await once((parent.stdout as Readable).setEncoding('utf8'), 'data')
      const pid = Number(line)
      while ((await readFile(`/proc/${parent.pid}/comm`, 'utf8')) !== 'sleep\n') await sleep(10)
      const input = parent.stdio[3] as Writable
      input.end()
      const fields = async () => (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1].split(' ')
      while ((await fields())[0] !== 'Z') await sleep(10)
      process.kill(pid, 0)
      await lockOf(path, { pid, started: (await fields())[19] })
      await (await takeLock(path, 'x')).release()
    } finally {
      parent.kill('SIGKILL')
    }
  }),
)

test('a lock of another machine holds while it is refreshed', () =>
  inTemporaryFolder(async (dir) => {
    const path = join(dir, 'a.lock')
    await lockOf(path, { pid: 1, host: 'elsewhere' })
    await rejectsWithUserError(() => takeLock(path, 'x'), /process 1 on elsewhere/)
    // If the clock was set back, its time may be in the future.
    for (const seconds of [-600, 600]) {
      await lockOf(path, { pid: 1, host: 'elsewhere' })
      await age(path, seconds)
      const lock = await takeLock(path, 'x')
      assert.is(JSON.parse(await readFile(path, 'utf8')).pid, process.pid)
      await lock.release()
    }
  }))

onLinux(
  'so does one of another container with this hostname; the refusal says when a killed one will be stale',
  async () => {
    await inTemporaryFolder(async (dir) => {
      const path = join(dir, 'a.lock')
      for (const change of [{}, { pid: NO_PROCESS }, { started: '1' }]) {
        await lockOf(path, { ...change, namespace: 'pid:[1]' })
        // A second more than 100: the clock that dates files may be some milliseconds behind.
        await age(path, 101)
        const refusal = await rejectsWithUserError(
          () => takeLock(path, 'x'),
          /\(process \d+ in another container or sandbox\); wait for it, or end it first; if it was killed, try again in \d+ s$/,
        )
        const wait = Number(/(\d+) s$/.exec(refusal)?.[1])
        assert.ok(wait > 0 && wait <= 20, refusal)
        await age(path, 121)
        await (await takeLock(path, 'x')).release()
      }
    })
  },
)

onLinux(
  'a lock without a namespace, as of a process without /proc, holds while its process exists or it is refreshed',
  async () => {
    await inTemporaryFolder(async (dir) => {
      const path = join(dir, 'a.lock')
      const nowhere = { namespace: undefined }
      await lockOf(path, nowhere)
      await age(path, 600)
      await rejectsWithUserError(() => takeLock(path, 'x'), /\(process \d+\); wait for it, or end it first$/)
      for (const change of [{ pid: NO_PROCESS }, { started: '1' }]) {
        await lockOf(path, { ...change, ...nowhere })
        await rejectsWithUserError(
          () => takeLock(path, 'x'),
          /\(process \d+\);.*; if it was killed, try again in \d+ s$/,
        )
        await age(path, 121)
        await (await takeLock(path, 'x')).release()
      }
    })
  },
)

onLinux('so does a lock of a process that could not read its start time', () =>
  inTemporaryFolder(async (dir) => {
    const path = join(dir, 'a.lock')
    await lockOf(path, { started: '' })
    await rejectsWithUserError(() => takeLock(path, 'x'), /if it was killed, try again in \d+ s$/)
    await lockOf(path, { started: '', pid: NO_PROCESS })
    await (await takeLock(path, 'x')).release()
  }),
)

ifUnshared('a process with the /proc of another namespace does not mistake an id there for its own', () =>
  inTemporaryFolder(async (dir) => {
    const path = join(dir, 'a.lock')
    const hold = `const lock = await takeLock(${JSON.stringify(path)}, 'x'); await untilEnd(); await lock.release()`
    await besideContained(['takeLock', 'ground/files/lock.js'], hold, { hasProc: false }, async () => {
      const { namespace, started } = JSON.parse(await readFile(path, 'utf8'))
      assert.is(started, '')
      assert.ok(namespace && namespace !== (await thisProcess()).namespace)
    })
  }),
)

test('a lock that cannot be written is reported in one line', () =>
  inTemporaryFolder(async (dir) => {
    await writeFile(join(dir, 'file'), '')
    await rejectsWithUserError(
      () => takeLock(join(dir, 'file', 'a.lock'), 'x'),
      /file: cannot be written \(there is a file/,
    )
    await rejectsWithUserError(
      () => takeLock(join(dir, 'file', 'deep', 'a.lock'), 'x'),
      /cannot be written \(a part of/,
    )
    if (process.platform === 'linux')
      await rejectsWithUserError(() => takeLock('/proc/molm/a.lock', 'x'), /\/proc\/molm: cannot be written/)
  }))

test('something else in the place of a lock is refused in one line', () =>
  inTemporaryFolder(async (dir) => {
    await symlink(join(dir, 'nothing'), join(dir, 'link.lock'))
    await rejectsWithUserError(() => takeLock(join(dir, 'link.lock'), 'x'), /link\.lock: is a link, in the place/)
    await mkdir(join(dir, 'folder.lock'))
    await rejectsWithUserError(() => takeLock(join(dir, 'folder.lock'), 'x'), /folder\.lock: this is not a file/)
  }))

test('a release keeps the lock of another process', () =>
  inTemporaryFolder(async (dir) => {
    const path = join(dir, 'a.lock')
    const lock = await takeLock(path, 'x')
    await lockOf(path, {})
    await lock.release()
    assert.equal(await readdir(dir), ['a.lock'])
  }))

test('of two simultaneous pulls of a model one is refused, and a model cannot be removed during its pull', () =>
  withHub(async (hub, dir) => {
    await hub.serve('org/model', '05-linear-silu-safetensors-f32')
    const results = await Promise.allSettled(['f32', 'q4'].map((quant) => pullModel(`org/model:${quant}`, QUICK)))
    const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
    assert.is(refused.length, 1)
    assert.match(refused[0].message, /a pull of org\/model is already under way/)
    const lock = await takeLock(join(dir, 'molm', 'locks', 'org--model.lock'), 'x')
    await rejectsWithUserError(() => removeModel('org/model'), /a pull of org\/model is already under way/)
    await lock.release()
    await removeModel('org/model')
  }))

test.run()
