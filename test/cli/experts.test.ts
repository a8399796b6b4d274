import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { putReport } from '#molm/lab/commands/experts/experts-report.js'
import type { Report } from '#molm/lab/commands/experts/mode.js'
import { thrownBy } from '../support/rejects.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { unpackedPage } from '../support/unpacked-page.js'
import { assertAllRefused, molm, parseLines } from './molm.js'

const TEXT = 'The lantern is lit, and the old man said nothing.'

type Read = { token: number; text: string; experts: { mlp: { ids: number[]; gates: number[] } }[] }[]

test('experts, run and its trace report the same experts, which are counted', () =>
  inTemporaryFolder(async (dir) => {
    const trace = join(dir, 'trace.jsonl')
    const run = ['run', '--raw', '--temperature', '0', '-n', '4', '--ignore-eos', '--experts', '--json']
    const { text, tokens, experts, prompt_tokens } = JSON.parse((await molm([...run, '--trace', trace, TEXT])).stdout)
    const { model, texts } = JSON.parse((await molm(['experts', '--json', '--tokens', TEXT + text])).stdout)
    assert.is(model, 'nano')
    const [{ usage, entropy, fairness }] = texts
    const read: Read = texts[0].per_token
    assert.is(read.map((entry) => entry.text).join(''), TEXT + text)
    const tail = read.slice(-tokens.length)
    assert.equal(
      tail.map(({ token }) => token),
      tokens,
    )
    const idsOf = (layers: Read[0]['experts']) => layers.map(({ mlp }) => mlp.ids)
    assert.equal(
      experts.map(idsOf),
      tail.map((entry) => idsOf(entry.experts)),
    )
    for (const [layer, counts] of (usage.mlp as number[][]).entries()) {
      const chosen = read.flatMap((entry) => entry.experts[layer].mlp.ids)
      assert.equal(
        counts,
        Array.from({ length: 24 }, (_, expert) => chosen.filter((id) => id === expert).length),
      )
    }
    assert.equal([entropy.mlp.length, fairness.attention.length], [6, 6])

    const rows = parseLines(await readFile(trace, 'utf8'))
    // A row for each token but the last, layer, and one of two attention and four MLP experts.
    assert.is(rows.length, (prompt_tokens + tokens.length) * 6 * (2 + 4))
    const found = rows.filter(({ index, layer, kind }) => index === 3 && layer === 5 && kind === 'mlp')
    assert.equal(
      found.map(({ expert, rank }) => [expert, rank]),
      experts[3][5].mlp.ids.map((id: number, rank: number) => [id, rank]),
    )
    assert.is(found[0].token, tokens[3])
    assert.equal(
      found.map(({ gate }) => Math.fround(gate)),
      experts[3][5].mlp.gates.map(Math.fround),
    )
    assert.is(rows[0].index, -prompt_tokens)
  }))

test('a page has what the experts of chosen tokens say, and a text that of one', async () => {
  await inTemporaryFolder(async (dir) => {
    const page = join(dir, 'out.html')
    const { stderr } = await molm(['experts', '--lens', '--token', '0,2-3', '-o', page, TEXT])
    assert.is(stderr, `molm: written: ${page}\n`)
    const [, voices] = /class="voices">(.*?)<\/script>/.exec(unpackedPage(await readFile(page, 'utf8'))) ?? []
    const { stdout } = await molm(['experts', '--lens', '--token', '3', '--json', TEXT])
    const { experts } = JSON.parse(stdout)
    assert.equal(Object.keys(JSON.parse(voices)), ['0', '2', '3'])
    const [first] = JSON.parse(voices)[3]
    assert.equal(
      [first.layer, first.kind, first.expert, first.up[0].text],
      [...[experts[0].layer, experts[0].kind, experts[0].expert, experts[0].up[0].text]],
    )
  })
  await assertAllRefused('experts --lens', [
    ['--token 1,2 words', /--token takes several numbers only for a page: -o FILE.html/],
    ['--token 99 words', /--token must be below \d, the tokens of the text/],
    ['--token x words', /--token must be a list like 3,7-9, not 'x'/],
  ])
})

test('a report that cannot be finished leaves the former file', () =>
  inTemporaryFolder(async (dir) => {
    const output = join(dir, 'report.csv')
    await writeFile(output, 'former')
    const pieces = function* () {
      yield 'begun'
      throw new Error('no more')
    }
    const report: Report = { figure: () => assert.unreachable() as never, json: pieces, csv: pieces }
    const error = await thrownBy(putReport(report, 'csv', { output }))
    assert.is((error as Error).message, 'no more')
    assert.is(await readFile(output, 'utf8'), 'former')
    assert.equal(await readdir(dir), ['report.csv'])
  }))

test.run()
