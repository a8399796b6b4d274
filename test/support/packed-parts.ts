import * as assert from 'uvu/assert'
import { convertModel } from '#molm/index.js'
import { verifyChecksums } from '#molm/model/packing/format/checksums.js'
import { openPackedFile } from '#molm/model/packing/format/packed-file.js'
import { fixturePath } from './fixtures.js'
import { inTemporaryFolder } from './temporary-folder.js'

const converted = new Map<string, Promise<string[]>>()

/**
 * Checks that weights packed as f32 have, part for part, the bytes of a conversion of a reference checkpoint on the disk,
 * and that they match their checksums. Other tests show that a conversion gives the expected logits.
 */
export async function hasPartsOf(path: string, fixture: string): Promise<void> {
  const found = await openPackedFile(path)
  await verifyChecksums(found)
  const wanted = converted.get(fixture) ?? sumsOfConversion(fixture)
  converted.set(fixture, wanted)
  assert.equal(sumsOf(found), await wanted)
}

/** Parts of a packed file with their checksums. */
export function sumsOf({ parts }: Awaited<ReturnType<typeof openPackedFile>>): string[] {
  return [...parts].map(([name, { sha256 }]) => `${name} ${sha256}`)
}

function sumsOfConversion(fixture: string): Promise<string[]> {
  return inTemporaryFolder(async (dir) => {
    const { path } = await convertModel(fixturePath(fixture), dir, { quant: 'f32', threads: 1 })
    return sumsOf(await openPackedFile(path))
  })
}
