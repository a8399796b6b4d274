import { mkdir, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { nameIn } from '#molm/insight/atlas/atlas.js'
import { loadAtlas } from '#molm/insight/atlas/load-atlas.js'
import { rejectsWithUserError } from '../support/rejects.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { tinyAtlas, tinyModel } from '../support/tiny-atlas.js'

test('an atlas is read from its file, else from beside the model, else there are no names', async () => {
  await inTemporaryFolder(async (dir) => {
    const model = tinyModel(join(dir, 'model'))
    await mkdir(model.info.path)
    assert.is(await loadAtlas(model), undefined)
    await writeFile(join(model.info.path, 'atlas.json'), JSON.stringify(tinyAtlas()))
    assert.equal(await loadAtlas(model), tinyAtlas())
    const packed = tinyModel(join(dir, 'model', 'model-q4.molm.safetensors'))
    assert.equal(await loadAtlas(packed), tinyAtlas())
    const renamed = { ...packed, info: { ...packed.info, path: join(dir, 'model', 'granite.molm') } }
    await writeFile(renamed.info.path, '')
    assert.equal(await loadAtlas(renamed), tinyAtlas(), 'whatever the name of the weights')
    const other = join(dir, 'other.json')
    await writeFile(other, JSON.stringify({ ...tinyAtlas(), named: 3, confirmed: 3 }))
    assert.is((await loadAtlas(model, other))?.named, 3)
    const random = { ...model, info: { ...model.info, kind: 'random' as const } }
    assert.is(await loadAtlas(random), undefined)
  })
})

test('names that could steer a terminal are escaped, texts of tokens are not changed', async () => {
  await inTemporaryFolder(async (dir) => {
    const atlas = tinyAtlas()
    const [entry] = atlas.entries.mlp?.[1] ?? []
    entry.name = 'a\x1b[2Jb'
    entry.tokens = [{ text: '\x1b', lift: 2 }]
    await writeFile(join(dir, 'atlas.json'), JSON.stringify(atlas))
    const read = await loadAtlas(tinyModel(dir))
    assert.is(nameIn(read, { kind: 'mlp', layer: 1, expert: 0 }), 'a\\x1b[2Jb')
    assert.is(read?.entries.mlp?.[1][0].tokens[0].text, '\x1b')
  })
})

test('a file that is no atlas of the model is refused in one line with its name and the key', async () => {
  await inTemporaryFolder(async (dir) => {
    const file = join(dir, 'atlas.json')
    const model = tinyModel(dir)
    const { entries, committees } = tinyAtlas()
    const [other] = entries.mlp?.[1] ?? []
    const wrong: [object | string, RegExp][] = [
      ['[]', /a JSON object was expected/],
      ['{', /not valid JSON/],
      [{ ...tinyAtlas(), format: 'other' }, /format: must be "molm-atlas"/],
      [{ ...tinyAtlas(), version: 2 }, /version: must be 1/],
      [{ ...tinyAtlas(), model: 'tiny' }, /model: must be an object/],
      [{ ...tinyAtlas(), named: -1 }, /named: must be a whole number from 0/],
      [{ ...tinyAtlas(), texts: [{ name: '', tokens: 1 }] }, /texts\[0\]\.name: must be a text of 1 to 1024/],
      [{ ...tinyAtlas(), entries: {} }, /entries\.mlp: must be a list of 2/],
      [{ ...tinyAtlas(), entries: { mlp: [[], [other]] } }, /entries\.mlp\[1\]: must be a list of 2/],
      [
        { ...tinyAtlas(), entries: { mlp: [[], [other, { ...other, share: 2 }]] } },
        /mlp\[1\]\[1\]\.share: must be a num/,
      ],
      [{ ...tinyAtlas(), entries: { mlp: [[], [other, { ...other, tokens: [{ text: 'a' }] }]] } }, /tokens\[0\]\.lift/],
      [
        { ...tinyAtlas(), entries: { mlp: [[], [other, { ...other, name: 'a'.repeat(1025) }]] } },
        /name: must be a text/,
      ],
      [
        { ...tinyAtlas(), committees: { mlp: [...(committees.mlp ?? [])].reverse() } },
        /committees\.mlp\[0\]: must be nu/,
      ],
      [
        { ...tinyAtlas(), model: { name: 'x', experts: { mlp: [0, 3] } } },
        /the atlas is of x, which has other experts than tiny/,
      ],
      [
        { ...tinyAtlas(), model: { name: 'x', experts: { mlp: [0, 2], attention: [1, 1] } } },
        /other experts than tiny/,
      ],
    ]
    for (const [value, why] of wrong) {
      await writeFile(file, typeof value === 'string' ? value : JSON.stringify(value))
      const message = await rejectsWithUserError(() => loadAtlas(model, file), why)
      assert.ok(message.startsWith(`${file}: `), message)
      assert.not.ok(message.includes('\n'), message)
    }
    await rejectsWithUserError(() => loadAtlas(model, join(dir, 'none.json')), /none\.json: there is no such file/)
    await truncate(file, 2 ** 26)
    await rejectsWithUserError(() => loadAtlas(model, file), /too many for such a file/)
    const warnings: string[] = []
    assert.is(await loadAtlas(model, undefined, (message) => warnings.push(message)), undefined)
    assert.match(warnings.join(), /^no names of experts: .*atlas\.json: /)
  })
})

test.run()
