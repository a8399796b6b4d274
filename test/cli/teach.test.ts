import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { taughtLine } from '#molm/cli/commands/show.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { lesson, teachSuite } from './lesson.js'
import { assertRefused, molm } from './molm.js'

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

test('a model card names the layers with new experts', () => {
  const teaching = { texts: ['a.txt'], kind: 'mlp' as const, experts: 1, parameters: 1, steps: 1, tokens: 9 }
  const line = (...layers: number[]) => taughtLine({ ...teaching, layers }).replace(/, from .*/, '')
  assert.is(line(5), '1 mlp expert in layer 5')
  assert.is(line(4, 5), '1 mlp expert in each of the layers 4 and 5')
  assert.is(line(1, 4, 5), '1 mlp expert in each of the layers 1, 4 and 5')
  assert.is(line(3, 4, 5), '1 mlp expert in each of the layers 3 to 5')
})

test.run()
