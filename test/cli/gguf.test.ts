import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ASK, withFile } from './gguf-file.js'
import { assertRefused } from './molm.js'

test('a file is packed with one line on stderr, once; the copy is listed by its path, and removed without it', async () => {
  await withFile(async (file, run, dir) => {
    const first = await run('run', '-m', file, 'ab', ...ASK)
    assert.is(first.code, 0, first.stderr)
    const lines = first.stderr.trimEnd().split('\n')
    assert.is(lines.length, 1, first.stderr)
    assert.match(
      lines[0],
      /^molm: packing .*granite-Q4_K_M\.gguf once: 2\.\d+ MB in .*home.gguf.granite-Q4_K_M-\w{12}$/,
    )
    const again = await run('run', '-m', file, 'ab', ...ASK)
    assert.is(again.stderr, '')
    assert.is(again.stdout, first.stdout)
    const listed = (await run('list')).stdout
    assert.match(listed.split('\n')[0], new RegExp(`^${file}\tq8\t\\d+\t`))
    const [copy] = JSON.parse((await run('list', '--json')).stdout)
    assert.is(copy.gguf, file)
    assert.match(
      (await run('rm', file, '--yes')).stderr,
      /^molm: removed the packed copy of .*\.gguf \(q8; 2\.\d+ MB\)\n$/,
    )
    assert.equal(await readdir(join(dir, 'home', 'gguf')), [])
    assert.ok((await readdir(dir)).includes('granite-Q4_K_M.gguf'))
    assertRefused(await run('rm', file, '--yes'), 1, /no pulled model/)
  })
})

test('show packs nothing, and says what becomes of each type', async () => {
  await withFile(async (file, run, dir) => {
    const { stdout } = await run('show', file)
    assert.match(stdout, /^granite-Q4_K_M\.gguf\n {2}kind +Granite MoE, language model\n/)
    assert.match(stdout, /weights +GGUF, q8 when packed/)
    assert.match(stdout, /\n {2}type in file +tensors +bytes +packed as\n/)
    assert.match(stdout, /\n {2}Q4_K +1 +147 kB +\w+\n/)
    const json = JSON.parse((await run('show', file, '--json')).stdout)
    assert.is(json.kind, 'gguf')
    assert.is(json.stored.length, 13)
    assert.equal(await readdir(dir), ['granite-Q4_K_M.gguf'])
    assertRefused(await run('show', file, '--verify'), 1, /a GGUF file that is not packed yet has no checksums/)
  })
})

test('convert takes a GGUF file, and prints the path', async () => {
  await withFile(async (file, run, dir) => {
    const out = join(dir, 'out')
    const { stdout, code, stderr } = await run('convert', file, out, '-t', '1')
    assert.is(code, 0, stderr)
    assert.is(stdout, `${join(out, 'model-q8.molm.safetensors')}\n`)
    assertRefused(await run('convert', file, out), 1, /holds a model already \(q8\); give another folder, or --force/)
    await writeFile(join(dir, 'note.txt'), 'text')
    assertRefused(
      await run('convert', join(dir, 'note.txt'), out, '--force'),
      1,
      /neither a checkpoint's folder nor a GGUF/,
    )
    assertRefused(await run('run', '-m', join(dir, 'other.gguf'), 'ab'), 1, /other\.gguf: no such file/)
  })
})

test.run()
