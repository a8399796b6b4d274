import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fixturePath } from '../support/fixtures.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { molm } from './molm.js'

test('convert warns of weights that are not numbers, unless -q is given', () =>
  inTemporaryFolder(async (dir) => {
    const checkpoint = join(dir, 'checkpoint')
    await cp(fixturePath('02-base-safetensors-f32'), checkpoint, { recursive: true })
    const path = join(checkpoint, 'model.safetensors')
    const file = await readFile(path)
    const data = 8 + Number(file.readBigUInt64LE(0))
    const tensor = 'transformer.h.0.mlpf.experts.weight'
    const [begin] = JSON.parse(file.toString('utf8', 8, data))[tensor].data_offsets
    file.writeFloatLE(Number.NaN, data + begin)
    await writeFile(path, file)

    const [loud, quiet] = await Promise.all([
      molm(['convert', checkpoint, join(dir, 'a')]),
      molm(['convert', checkpoint, join(dir, 'b'), '-q']),
    ])
    assert.match(loud.stderr, new RegExp(`^molm: warning: tensor ${tensor} has 1 weights? .*NaN.*\n$`))
    assert.is(quiet.stderr, '')
    assert.equal([loud.code, quiet.code], [0, 0])
  }))

test.run()
