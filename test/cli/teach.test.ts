import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { lesson, teachSuite } from './lesson.js'
import { assertAllRefused, assertRefused, molm } from './molm.js'

const test = teachSuite()
const SHORT = { repeats: 12, batch: 64 }

test('teach writes a model, prints its path and the gains; show knows the new experts', ({ tiny }) =>
  inTemporaryFolder(async (dir) => {
    const quick = await lesson(dir, SHORT)
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
      /molm: gates at 0: held out \d\.\d+, own writing \+\d+\.\d %, own continuations \+\d+\.\d %, .*; costs \d+\.\d %/,
    )
    assert.match(
      stderr,
      /held out +tokens +loss before +after +perplexity before +after +to new experts\n.*strange\.txt .* %\n(.*kept: .* %\n){3}weights: .* time: writing.*\n +--forget +gates at +costs +perplexity +to new experts\n +0\.5 % .*\n +1 % .*\n +2 % .*\n +5 % /,
    )
    // Two steps may teach nothing.
    const [, before, after] = /strange\.txt +\d+ +(\S+) +(\S+)/.exec(stderr) ?? []
    const learnt =
      /molm: learnt: the perplexity of .*strange\.txt from \S+ to \S+, at a cost of \S+ % on other texts\n(it can|but it does not) continue .*\nmolm (run --raw -m \S+ --temperature 0 -n 40) '(.*)'\nwhich prints: (.*)$/s
    const shown = learnt.exec(stderr)
    assert.is(shown !== null, Number(after) < Number(before), stderr)
    if (shown) {
      const said = await molm([...shown[2].split(' '), shown[3]])
      // The text of random weights may have control characters, which stderr replaces.
      const letters = (text: string) => text.replace(/[^\p{L}\p{N}]/gu, '')
      assert.is(letters(shown[4]), letters(said.stdout), 'the command prints what it says')
    }
    const show = await molm(['show', out])
    assert.match(
      show.stdout,
      /taught +1 mlp expert in layer 2, from .*strange\.txt: \d steps, .* tokens, perplexity of held-out text/,
    )
    assertRefused(await molm(['teach', tiny, out, ...quick]), 1, /holds a model already/)
    const again = await molm(['teach', out, '--forget', '100%'])
    assert.is(again.code, 0, again.stderr)
    assert.is(again.stdout, stdout)
    assert.match(again.stderr, /\n +100 % +0 +\d+\.\d % +\S+ +\S+ % +written\nmolm: learnt: /)
  }))

test('a dry run prints the plan and writes nothing', ({ tiny }) =>
  inTemporaryFolder(async (dir) => {
    const quick = await lesson(dir, SHORT)
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
    const quick = await lesson(dir, SHORT)
    const out = join(dir, 'out')
    const forget = /--forget must be a percentage above 0% and at most 100%, like 1%/
    const teach = ['teach', tiny, ...quick]
    await assertAllRefused('teach', [
      [[tiny, out], /--text/],
      [[tiny, '--forget', '5%', '--steps', '3'], /give --text to teach, or MODEL and --forget alone/],
      [[tiny, '--forget', '5%'], /tiny: there are no gates to choose/, 1],
      [[tiny, ...quick], /name a folder for the taught model/],
    ])
    await assertAllRefused(teach, [
      [[out, '--layers', '5-4'], /--layers must be like/],
      [[out, '--lr', '0'], /--lr must be a number above 0/],
      [[out, '--epochs', '2', '--steps', '5'], /--epochs.*--steps|--steps.*--epochs/],
      [[out, '--resume'], /there is no training to resume/, 1],
      [[out, '--forget', '1'], forget],
      [[out, '--forget', '0%'], forget],
      [[out, '--forget', '101%'], forget],
    ])
    assert.equal((await readdir(dir)).sort(), ['kept.txt', 'strange.txt'])
  }))

test.run()
