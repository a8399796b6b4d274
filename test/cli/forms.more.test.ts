import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { BIN } from './molm.js'

const PERSON = {
  type: 'object',
  properties: {
    name: { type: 'string', pattern: '^[A-Z][a-z]{2,8}$' },
    age: { type: 'integer', minimum: 0, maximum: 120 },
  },
  required: ['name', 'age'],
  additionalProperties: false,
}

test('text piped in is read, and the JSON goes to the next program', async () => {
  await inTemporaryFolder(async (dir) => {
    const schema = join(dir, 'schema.json')
    await writeFile(schema, JSON.stringify(PERSON))
    const parse = `console.log(Object.keys(JSON.parse(require('fs').readFileSync(0))).join())`
    const line = `echo 'Ann keeps it.' | "$0" "$1" run -m nano --schema '${schema}' 'Who?' | "$0" -e "${parse}"`
    const { stdout, stderr } = await promisify(execFile)('sh', ['-c', line, process.execPath, BIN])
    assert.is(stderr, '')
    assert.is(stdout, 'name,age\n')
  })
})

test.run()
