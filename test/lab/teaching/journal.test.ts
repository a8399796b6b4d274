import { createHash } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fingerprint, type Journal, readJournal, writeJournal } from '#molm/lab/teaching/journal.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

const floats = (start: number) => Float32Array.from({ length: 5 }, (_, i) => start + i / 3)

const JOURNAL: Journal = {
  curve: [
    { step: 0, tokens: 0, heldOutLoss: 8.25 },
    { step: 1, tokens: 512, loss: 7.5, newExpertShare: 0.25 },
  ],
  best: floats(9),
  state: { steps: 1, weights: floats(1), firstMoments: floats(-1), secondMoments: floats(3) },
  replay: [{ train: [Int32Array.of(1, 2, 3)], heldOut: [Int32Array.of(4, 5)] }],
}

test('a journal reads back unchanged, and leaves no other file', () =>
  inTemporaryFolder(async (dir) => {
    const path = join(dir, 'out.teaching')
    await writeJournal(path, 'key', JOURNAL)
    await writeJournal(path, 'key', JOURNAL)
    assert.equal(await readJournal(path, 'key'), JOURNAL)
    assert.equal(await readdir(dir), ['out.teaching'])
  }))

test('a journal that is damaged, truncated, missing or of another training is refused', () =>
  inTemporaryFolder(async (dir) => {
    const path = join(dir, 'out.teaching')
    await rejectsWithUserError(() => readJournal(path, 'key'), /no such file; there is no training to resume/)
    await writeJournal(path, 'key', JOURNAL)
    await rejectsWithUserError(() => readJournal(path, 'other'), /belongs to another training/)
    const bytes = await readFile(path)
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Uint8Array.from(bytes)
      damaged[at] ^= 1
      await writeFile(path, damaged)
      await rejectsWithUserError(() => readJournal(path, 'key'), /out.teaching: damaged/)
    }
    for (const length of [0, 10, 40, bytes.length - 1]) {
      await writeFile(path, bytes.subarray(0, length))
      await rejectsWithUserError(() => readJournal(path, 'key'), /out.teaching/)
    }
  }))

test('a journal of another version is refused', () =>
  inTemporaryFolder(async (dir) => {
    const path = join(dir, 'out.teaching')
    await writeJournal(path, 'key', JOURNAL)
    const whole = (await readFile(path)).subarray(0, -32)
    whole.write('molm teaching 2\n', 'latin1')
    await writeFile(path, Buffer.concat([whole, createHash('sha256').update(whole).digest()]))
    await rejectsWithUserError(() => readJournal(path, 'key'), /not of this version of molm; teach without `resume`/)
  }))

test('a journal with a right checksum and an impossible header is refused', () =>
  inTemporaryFolder(async (dir) => {
    const path = join(dir, 'out.teaching')
    const [start, step] = JOURNAL.curve
    const forged: Record<string, unknown>[] = [
      { state: { ...JOURNAL.state, steps: 1e9 } },
      { state: { ...JOURNAL.state, steps: -5 } },
      { curve: [] },
      { curve: null },
      { curve: [start, { ...step, step: 7 }] },
      { curve: [start, { ...step, loss: 'low' }] },
      { curve: [start, null] },
      { replay: undefined },
      { replay: [{ train: [[-1]], heldOut: [] }] },
      { replay: [{ train: [['a']], heldOut: [] }] },
    ]
    for (const change of forged) {
      await writeJournal(path, 'key', { ...JOURNAL, ...change } as Journal)
      await rejectsWithUserError(() => readJournal(path, 'key'), /out.teaching: damaged, .*; teach without `resume`/)
    }
  }))

test('the key of a journal changes with its options and texts', () => {
  const keys = [
    fingerprint({ seed: 1 }, ['a', 'b'], ['c']),
    fingerprint({ seed: 2 }, ['a', 'b'], ['c']),
    fingerprint({ seed: 1 }, ['ab'], ['c']),
    fingerprint({ seed: 1 }, ['a'], ['b', 'c']),
    fingerprint({ seed: 1 }, ['a', 'b', 'c'], []),
    fingerprint({ seed: 1 }, ['a\0b'], ['c']),
  ]
  assert.is(new Set(keys).size, keys.length)
  assert.is(fingerprint({ seed: 1 }, ['a', 'b'], ['c']), keys[0])
})

test.run()
