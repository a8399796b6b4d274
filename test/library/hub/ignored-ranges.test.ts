import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { pullModel } from '#molm/index.js'
import { each } from '../../support/each.js'
import type { HubServer } from '../../support/hub-server.js'
import { hasPartsOf } from '../../support/packed-parts.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { safetensors } from '../../support/safetensors-writer.js'
import { QUICK, REPO, withHub } from '../../support/with-hub.js'

const SHARDED = '03-topk4-safetensors-bf16-sharded'
const ONE_FILE = '02-base-safetensors-f32'
const WEIGHTS = 'model.safetensors'
const MIB = 2 ** 20

test('a server that sends whole files for ranges gives a right model, too', async () => {
  await withHub(async (hub) => {
    await hub.serve(REPO, SHARDED)
    hub.ignoresRanges = true
    const { path } = await pullModel(`${REPO}:f32`, QUICK)
    await hasPartsOf(path, SHARDED)
  })
})

test('if too much would be skipped, the pull stops at once and names --keep, which sends the file once', async () => {
  await withHub(async (hub, dir) => {
    const size = await serveBehind(33 * MIB, hub)
    hub.ignoresRanges = true
    const notes: string[] = []
    const pulling = () => pullModel(`${REPO}:f32`, { ...QUICK, onNote: (note) => notes.push(note) })
    await rejectsWithUserError(pulling, /^org\/model\/model\.safetensors: .*ignores ranges.*\n.*`keep`/)
    assert.equal(notes, [], 'retried a permanent failure')
    assert.equal(await readdir(join(dir, 'molm', 'models', 'org', 'model')), ['.molm.partial'])
    assert.equal(await readdir(join(dir, 'molm', 'locks')), [])
    const whole = () => hub.seen.filter(({ file, headers }) => file === WEIGHTS && headers.range === undefined)
    assert.is(whole().length, 0)
    const { path } = await pullModel(`${REPO}:f32`, { ...QUICK, keep: true })
    assert.equal(each(whole(), 'sent'), [size])
    await hasPartsOf(path, ONE_FILE)
  })
})

/** Serves a model whose weights follow `bytes` bytes of an unused tensor. Returns the file's size. */
async function serveBehind(bytes: number, hub: HubServer): Promise<number> {
  const { files } = await hub.serve(REPO, ONE_FILE)
  const original = files.get(WEIGHTS) as Buffer
  const end = 8 + Number(original.readBigUInt64LE())
  const header: Record<string, { data_offsets?: [number, number] }> = JSON.parse(original.toString('utf8', 8, end))
  const entries = Object.entries(header).map(([name, { data_offsets: range, ...rest }]) => [
    name,
    range ? { ...rest, data_offsets: range.map((at) => at + bytes) } : rest,
  ])
  const padding = { dtype: 'U8', shape: [bytes], data_offsets: [0, bytes] }
  const data = Buffer.concat([Buffer.alloc(bytes), original.subarray(end)])
  const moved = Buffer.from(safetensors({ ...Object.fromEntries(entries), padding }, data))
  files.set(WEIGHTS, moved)
  return moved.length
}

test.run()
