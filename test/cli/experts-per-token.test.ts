import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { describeModel, type ExpertsPerToken } from '#molm/index.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { assertAllRefused, assertRefused, molm, TINY } from './molm.js'

const QUESTION = 'Count from one to ten.'
const MLP = [1, 2, 1]
const NUMBERS: ExpertsPerToken = { attention: 1, mlp: MLP }

/** Copies a model, with numbers of experts per token in its folder. */
async function copyWith(dir: string, numbers: ExpertsPerToken): Promise<string> {
  const copy = join(dir, 'copy')
  await cp(TINY, copy, { recursive: true })
  await writeFile(join(copy, 'experts-per-token.json'), JSON.stringify(numbers))
  return copy
}

test('the same text from a folder and from a file for a batch, and another as trained', () =>
  inTemporaryFolder(async (dir) => {
    const file = join(dir, 'numbers.json')
    await writeFile(file, JSON.stringify(NUMBERS))
    const copy = await copyWith(dir, NUMBERS)
    const tokensOf = async (args: string[], stdin?: string) => {
      const command = ['run', '-t', '1', '--temperature', '0', '-n', '12', '--ignore-eos', '--raw', '--json']
      const { code, stdout, stderr } = await molm([...command, ...args], { stdin })
      assert.is(code, 0, stderr)
      return JSON.parse(stdout).tokens
    }
    const expected = await tokensOf(['-m', copy, QUESTION])
    const line = JSON.stringify({ prompt: QUESTION })
    assert.equal(await tokensOf(['-m', TINY, '--experts-per-token', file, '--batch', '-'], line), expected)
    assert.not.equal(await tokensOf(['-m', copy, '--experts-per-token', 'trained', QUESTION]), expected)
    const { stdout } = await molm(['show', copy])
    assert.match(stdout, /^ +mlp +uses 1, 2, 1 of 8 experts/m)
    const out = join(dir, 'packed')
    assert.is((await molm(['convert', copy, out, '-t', '1'])).code, 0)
    assert.equal((await describeModel(out)).config.mixtures[1].used, MLP)
  }))

test('numbers that make no sense are refused', () =>
  inTemporaryFolder(async (dir) => {
    const file = join(dir, 'numbers.json')
    await writeFile(file, JSON.stringify({ mlp: [4, 4] }))
    const beginning = ['run', '-m', TINY, '-t', '1', 'Hi', '--experts-per-token']
    await assertAllRefused(beginning, [
      ['0', /--experts-per-token must be a whole number from 1 on, not 0/],
      ['5', /--experts-per-token is 5, but layer 0 has 4 attention experts/],
      ['2,9', /--experts-per-token is 9, but layer 0 has 8 mlp experts/],
      ['some', /--experts-per-token must be a number, two like 1,3, a file or trained, not 'some'/],
      [[file], /--experts-per-token has 2 numbers of mlp experts for 3 layers/],
      ['./absent.json', /absent.json: no such file/, 1],
    ])
    const copy = await copyWith(dir, { mlp: 9 })
    const wrong = /experts-per-token.json: the number of experts is 9, but layer 0 has 8 mlp experts/
    assertRefused(await molm(['run', '-m', copy, 'Hi']), 1, wrong)
    assertRefused(await molm(['show', copy]), 1, wrong)
  }))

test.run()
