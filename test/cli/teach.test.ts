import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { convertModel } from '#molm/index.js'
import { fixturePath } from '../support/fixtures.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { assertRefused, molm } from './molm.js'

const test = suite<{ folder: string; tiny: string }>('teach')

/** A model of 3 layers with random weights, packed once for all tests. */
test.before(async (context) => {
  context.folder = await mkdtemp(join(tmpdir(), 'molm-cli-teach-'))
  context.tiny = join(context.folder, 'tiny')
  await convertModel(fixturePath('01-base-bin-f32'), context.tiny, { threads: 1 })
})

test.after(({ folder }) => rm(folder, { recursive: true, force: true }))

const STRANGE = 'Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. '.repeat(12)

/** A text to learn, and options for a short training. */
async function lesson(dir: string): Promise<string[]> {
  const text = join(dir, 'strange.txt')
  await writeFile(text, STRANGE)
  const kept = join(dir, 'kept.txt')
  await writeFile(kept, 'The lantern is lit, and the whale is seen at last. '.repeat(40))
  return ['--text', text, '--keep-text', kept, '--layers', 'last:1', '--batch', '64']
}

test('teach writes a model, prints its path and the gains; show knows the new experts', ({ tiny }) =>
  inTemporaryFolder(async (dir) => {
    const quick = await lesson(dir)
    const out = join(dir, 'taught')
    const { code, stdout, stderr } = await molm(['teach', tiny, out, ...quick, '--steps', '2'])
    assert.is(code, 0, stderr)
    assert.is(stdout, `${join(out, 'model-q4.molm.safetensors')}\n`)
    assert.match(
      stderr,
      /^molm: 1 new mlp expert in 1 layer: 16\.4 k parameters, .* of memory in addition to the model; 2 steps of 64 tokens/,
    )
    assert.match(stderr, /molm: step 2 of 2, loss \d\.\d+, held out \d\.\d+, kept \d\.\d+, \d+ tokens\/s, /)
    assert.match(stderr, /molm: all steps are done; the state of step \d is kept\n/)
    assert.match(
      stderr,
      /molm: gates at 0: held out \d\.\d+, own writing \+\d+\.\d % of 1 %, own continuations \+\d+\.\d % of 4 %/,
    )
    assert.match(
      stderr,
      /held out +tokens +loss before +after +perplexity before +after +to new experts\n.*strange\.txt .* %\n(.*kept: .* %\n){3}weights: .* time: writing/,
    )
    // Two steps may teach nothing.
    const [, before, after] = /strange\.txt +\d+ +(\S+) +(\S+)/.exec(stderr) ?? []
    const learnt =
      /molm: learnt: the perplexity of .*strange\.txt from \S+ to \S+\nit can continue .*\nmolm run --raw -m \S+ '/
    assert.is(learnt.test(stderr), Number(after) < Number(before), stderr)
    const show = await molm(['show', out])
    assert.match(
      show.stdout,
      /taught +1 mlp expert in layer 2, from .*strange\.txt: \d steps, .* tokens, perplexity of held-out text/,
    )
    assertRefused(await molm(['teach', tiny, out, ...quick]), 1, /holds a model already/)
  }))

test('a dry run prints the plan and writes nothing', ({ tiny }) =>
  inTemporaryFolder(async (dir) => {
    const quick = await lesson(dir)
    const before = await readdir(dir)
    const text = await molm(['teach', tiny, ...quick, '--dry-run', '-q'])
    assert.is(text.code, 0, text.stderr)
    assert.match(
      text.stdout,
      /new experts +1 mlp expert in each of the layers 2\n.*parameters +16\.4 k\n.*memory .*\n.*tokens .*\n.*steps .*\n.*speed .*\n.*epoch .*\n.*training .*, without writing texts to keep, lowering the gates and measuring\n$/,
    )
    assert.equal(await readdir(dir), before)
  }))

test('wrong options are refused', ({ tiny }) =>
  inTemporaryFolder(async (dir) => {
    const quick = await lesson(dir)
    const out = join(dir, 'out')
    // Each has its own folder, since two runs in one folder are refused.
    let number = 0
    const teach = (...rest: string[]) => molm(['teach', tiny, `${out}${number++}`, ...quick, ...rest])
    const [noText, noOut, layers, rate, both, resume, share, none, whole] = await Promise.all([
      molm(['teach', tiny, out]),
      molm(['teach', tiny, ...quick]),
      teach('--layers', '5-4'),
      teach('--lr', '0'),
      teach('--epochs', '2', '--steps', '5'),
      teach('--resume'),
      teach('--forget', '1'),
      teach('--forget', '0%'),
      teach('--forget', '101%'),
    ])
    assertRefused(noText, 2, /--text/)
    assertRefused(noOut, 2, /name a folder for the taught model/)
    assertRefused(layers, 2, /--layers must be like/)
    assertRefused(rate, 2, /--lr must be a number above 0/)
    assertRefused(both, 2, /--epochs.*--steps|--steps.*--epochs/)
    assertRefused(resume, 1, /there is no training to resume/)
    for (const forget of [share, none, whole])
      assertRefused(forget, 2, /--forget must be a percentage above 0% and at most 100%, like 1%/)
    assert.equal((await readdir(dir)).sort(), ['kept.txt', 'strange.txt'])
  }))

test.run()
