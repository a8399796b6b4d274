import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ModelRow } from '#molm/library/catalogue/model-rows.js'
import { publishedShape } from '#molm/model/families/published-shapes.js'
import { fixturePath, repositoryPath } from '../support/fixtures.js'
import { withHub } from '../support/with-hub.js'

const SCRIPT = repositoryPath('scripts/check-models.mjs')
const CARD = Buffer.from('---\nlicense: other\nlicense_name: lfm1.0\n---\n')

test('rows of the table of models are compared with the hub: repositories, licence, shape, size and hash', async () => {
  const { differencesOf } = await import(pathToFileURL(SCRIPT).href)
  await withHub(async (hub) => {
    const bytes = await readFile(fixturePath('gguf/granitemoe-all-types/model.gguf'))
    const config = Buffer.from(JSON.stringify(publishedShape('lfm2-8b-a1b').raw))
    hub.serveFiles(
      'org/model',
      new Map([
        ['config.json', config],
        ['README.md', CARD],
      ]),
    )
    hub.serveFiles(
      'org/model-GGUF',
      new Map([
        ['model-Q4_K_M.gguf', bytes],
        ['README.md', CARD],
      ]),
    )
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    const row: ModelRow = {
      name: 'model:8b',
      checkpoint: 'org/model',
      gguf: { source: 'org/model-GGUF:Q4_K_M', bytes: bytes.length, sha256 },
      shape: 'lfm2-8b-a1b',
      licence: 'lfm1.0',
      published: '2026-01',
      does: [],
    }
    assert.equal(await differencesOf(row), [])
    const wrong = {
      ...row,
      shape: 'lfm2-24b-a2b',
      licence: 'mit',
      gguf: { ...row.gguf, bytes: 1, sha256: undefined },
    }
    const found: string[] = await differencesOf(wrong)
    const said = [
      /^org\/model: licence lfm1/,
      /^org\/model: 8\d{9} parameters, not 2\d{10}$/,
      /org\/model-GGUF: licence/,
    ]
    for (const [i, pattern] of [...said, / bytes, not 1$/, /sha256 [0-9a-f]{64}, not undefined$/].entries()) {
      assert.match(found[i], pattern)
    }
    const [missing] = await differencesOf({ ...row, checkpoint: 'org/other', gguf: undefined })
    assert.match(missing, /^org\/other: there is no such model/)
  })
})

test('the script says what differs and ends with 1', async () => {
  await withHub(async () => {
    const run = promisify(execFile)(process.execPath, [SCRIPT, 'granite:1b'])
    const { code, stdout } = await run.then(
      () => assert.unreachable(),
      (error) => error,
    )
    assert.is(code, 1)
    const [, ...lines] = stdout.trim().split('\n')
    assert.match(stdout, /^granite:1b: differs$/m)
    assert.equal(lines.length, 2)
    for (const line of lines)
      assert.match(line, /^ {2}\S+\/granite-3\.1-1b-a400m-instruct(-GGUF)?: there is no such model/)
  })
})

test.run()
