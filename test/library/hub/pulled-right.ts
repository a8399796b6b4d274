import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { pullModel } from '#molm/index.js'
import { openPackedFile } from '#molm/model/packing/format/packed-file.js'
import { hasPartsOf } from '../../support/packed-parts.js'
import { IMPATIENT, withHub } from '../../support/with-hub.js'

const REPO = 'org/model'

/** Pulls a reference checkpoint and checks its weights, metadata and the files beside them. */
export async function isPulledRight(
  fixture: string,
  check: (name: string, fixture: string) => Promise<void> = async () => {},
): Promise<void> {
  await withHub(async (hub, dir) => {
    const { files, commit } = await hub.serve(REPO, fixture)
    const { path, bytes, wasHere } = await pullModel(`${REPO}:f32`, { threads: 1, network: IMPATIENT })
    const folder = join(dir, 'molm', 'models', 'org', 'model')
    assert.is(path, join(folder, 'model-f32.molm.safetensors'))
    assert.is((await stat(path)).size, bytes)
    assert.not(wasHere)
    const { metadata } = await openPackedFile(path)
    assert.equal([metadata.source, metadata.sourceRevision], [REPO, commit])
    const names = [...files.keys()].filter((name) => /^(config|tokenizer|tokenizer_config|vocab)\.json$/.test(name))
    for (const name of names) {
      assert.ok((await readFile(join(folder, name))).equals(files.get(name) as Buffer), name)
    }
    await hasPartsOf(path, fixture)
    await check(REPO, fixture)
  })
}
