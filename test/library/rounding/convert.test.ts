import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { convertModel, describeModel, UsageError } from '#molm/index.js'
import { readText } from '#molm/lab/index.js'
import { fixturePath } from '../../support/fixtures.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

const test = suite('conversion with a calibration')

const FIXTURE = fixturePath('01-base-bin-f32')
const WEIGHTS = 'model-q4.molm.safetensors'

/** Part of a text of nano's domains. */
async function partOf(domain: string, from: number, to: number): Promise<{ name: string; text: string }> {
  const { text } = await readText(fixturePath(`texts/${domain}.txt`))
  return { name: `${domain}.txt`, text: text.slice(from, to) }
}

test('the packed file has the same bytes with any number of threads, and names its texts', () =>
  inTemporaryFolder(async (dir) => {
    const calibrate = [await partOf('novels', 0, 1200)]
    const [one, two] = ['one', 'two'].map((name) => join(dir, name))
    await convertModel(FIXTURE, one, { calibrate, threads: 1 })
    await convertModel(FIXTURE, two, { calibrate, threads: 2 })
    assert.ok((await readFile(join(one, WEIGHTS))).equals(await readFile(join(two, WEIGHTS))))
    const { calibration, config } = await describeModel(one)
    assert.is(calibration?.texts.length, 1)
    assert.is(calibration?.texts[0].name, 'novels.txt')
    assert.match(calibration?.texts[0].sha256 ?? '', /^[0-9a-f]{64}$/)
    assert.ok(calibration && calibration.tokens >= 512)
    const experts = config.mixtures.reduce(
      (sum, { experts }) => sum + experts.reduce((all, count) => all + count, 0),
      0,
    )
    assert.ok(calibration && calibration.unseen < experts)
    const files = await readdir(one)
    assert.not.ok(
      files.some((name) => name.includes('partial')),
      files.join(),
    )
  }))

test('texts that are too short, and packings without q4, are refused', () =>
  inTemporaryFolder(async (dir) => {
    const short = { name: 'short.txt', text: 'Too short.' }
    const out = join(dir, 'out')
    await rejectsWithUserError(
      () => convertModel(FIXTURE, out, { calibrate: [short] }),
      /^short\.txt: \d+ tokens are too few to calibrate; give at least 512$/,
    )
    assert.equal(await readdir(dir), [])
    for (const options of [{ quant: 'q8', calibrate: true }, { calibrate: [] }] as const) {
      const error = await convertModel(FIXTURE, out, options).catch((error: unknown) => error)
      assert.instance(error, UsageError)
    }
  }))

test.run()
