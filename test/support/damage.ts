import * as assert from 'uvu/assert'
import { UserError } from '#molm/ground/errors.js'
import type { ByteSource } from '#molm/ground/files/byte-source.js'
import type { Tensor } from '#molm/model/checkpoint/tensor.js'
import { bytesSource } from './memory-files.js'
import { readFloats } from './read-floats.js'
import { thrownBy } from './rejects.js'

type Reader = (source: ByteSource) => Promise<Tensor[]>

/**
 * Checks that a file truncated at any position is refused with a UserError, except at the positions that `mayEnd`
 * allows.
 */
export async function refusesEveryTruncation(
  file: Uint8Array,
  read: Reader,
  mayEnd = (_: number) => false,
): Promise<void> {
  for (let size = 0; size < file.length; size++) {
    if (mayEnd(size)) continue
    const thrown = await thrownBy(read(bytesSource(file.slice(0, size))))
    assert.instance(thrown, UserError, `cut at ${size}: ${thrown}`)
  }
}

/**
 * Changes each byte to a few other values, one at a time. Checks that the file is then either refused with a UserError
 * or read without a read outside it, which fails with an ordinary Error if the source is in memory.
 */
export async function survivesEveryDamage(file: Uint8Array, read: Reader): Promise<void> {
  for (let at = 0; at < file.length; at++) {
    for (const flip of [0x01, 0x80, 0xff]) {
      const damaged = file.slice()
      damaged[at] ^= flip
      try {
        for (const t of await read(bytesSource(damaged))) await readFloats(t)
      } catch (error) {
        assert.instance(error, UserError, `byte ${at} ^ ${flip}: ${error instanceof Error ? error.stack : error}`)
      }
    }
  }
}
