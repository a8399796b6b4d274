import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { resultOf } from '#molm/index.js'
import type { ExpertMask } from '#molm/model/config/expert-mask.js'
import { parseMask } from '#molm/model/config/mask-spec.js'
import { withModel } from '../support/models.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { assertAllRefused, molm, TINY } from './molm.js'

const SPECS = ['2:mlp:0-4', '1:mlp:1-5']
const QUESTION = 'What is a lighthouse?'
const GREEDY = ['-m', TINY, '-t', '1', '--raw', '--temperature', '0', '-n', '12', '--ignore-eos', '--json']

test('a mask gives the same text from specs, a file, a batch and the library', () =>
  inTemporaryFolder(async (dir) => {
    const file = join(dir, 'mask.json')
    await writeFile(file, JSON.stringify(SPECS))
    const masked = SPECS.flatMap((spec) => ['--mask', spec])
    const [expected, whole] = await withModel(TINY, { threads: 1 }, async (model) => {
      const answer = async (mask?: ExpertMask) => {
        const options = { temperature: 0, maxTokens: 12, ignoreEos: true }
        return (await resultOf(model.createSession({ mask }).generate(QUESTION, options))).tokens
      }
      return [await answer(parseMask(SPECS, model.config)), await answer()]
    })
    assert.not.equal(whole, expected)
    const tokensOf = async (args: string[], stdin?: string) => {
      const { code, stdout, stderr } = await molm(['run', ...GREEDY, ...args], { stdin })
      assert.is(code, 0, stderr)
      return JSON.parse(stdout).tokens
    }
    assert.equal(await tokensOf([...masked, QUESTION]), expected)
    assert.equal(await tokensOf(['--mask', file, '--batch', '-'], JSON.stringify({ prompt: QUESTION })), expected)
  }))

test('masks that do not fit are refused with their name', () =>
  inTemporaryFolder(async (dir) => {
    const beginning = ['run', '-m', TINY, '-t', '1', 'hi', '--mask']
    await assertAllRefused(beginning, [
      ['nothing', /--mask must be LAYER:KIND:IDS, like 3:mlp:5,7-9, or a file, like .\/mask.json, not 'nothing'/],
      ['3:mpl:1', /a mask must be LAYER:KIND:IDS, like 3:mlp:5,7-9 \(kind attention or mlp\), not "3:mpl:1"/],
      ['1:mlp:0-6', /mask 1:mlp:0-6: layer 1 would have 1 mlp experts left, but a token uses 2/, 1],
      [[join(dir, 'absent.json')], /absent.json: no such file/, 1],
    ])
  }))

test.run()
