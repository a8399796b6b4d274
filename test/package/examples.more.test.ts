import { spawn, spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { listen } from '#molm/server/listen.js'
import { repositoryPath } from '../support/fixtures.js'
import { withModel } from '../support/models.js'
import { writeParrot } from '../support/parrot-model.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

/* Each script in `examples/` runs as a user runs it. */

const test = suite('the scripts in examples/')

const QUESTION = 'What is the weather in Bern?'
const CALL = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Bern"}}\n</tool_call>'
const ANSWERS = [
  { to: QUESTION, says: CALL },
  { toTool: true as const, says: 'It is clear in Bern, with 21 degrees.' },
]

/** Runs a script; resolves with its outputs. Rejects if it fails. */
async function run(name: string, ...args: string[]): Promise<{ stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [repositoryPath(`examples/${name}`), ...args])
  const output = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text) => {
      output[stream] += text
    })
  }
  const code = await new Promise((resolve) => child.on('close', resolve))
  assert.is(code, 0, `${name}: ${output.stderr}`)
  return output
}

function withParrot(use: (path: string) => Promise<void>): Promise<void> {
  return inTemporaryFolder(async (dir) =>
    use(await writeParrot(join(dir, 'parrot'), { format: 'qwen3', answers: ANSWERS })),
  )
}

const EXAMPLES: Record<string, () => Promise<void>> = {
  'tools.mjs': async () => {
    const { stdout, stderr } = await run('tools.mjs')
    assert.is(stdout, 'It is clear and 21 degrees.\n')
    assert.is(stderr, 'calls get_weather {"city":"Bern"}\nresult clear, 21 degrees\n')
  },
  'thinking.mjs': async () => {
    const { stdout, stderr } = await run('thinking.mjs')
    assert.is(stdout, '12 + 30 - 5 = 37\n')
    assert.match(stderr, /^1\. 12 \+ 30 = 42\.\n2\. 42 - 5 = 37\.\n\d+ of \d+ tokens were thoughts\n$/)
  },
  'schema.mjs': async () => {
    const { stdout } = await run('schema.mjs', 'nano')
    const lines = stdout.trimEnd().split('\n')
    assert.is(lines.length, 3)
    for (const line of lines) {
      const { kind, isUrgent, stars } = JSON.parse(line)
      assert.ok(['fault', 'wish', 'praise'].includes(kind), line)
      assert.type(isUrgent, 'boolean')
      assert.ok(Number.isInteger(stars) && stars >= 1 && stars <= 5, line)
    }
  },
  'openai-tools.mjs': () =>
    withParrot((path) =>
      withModel(path, { threads: 1 }, async (model) => {
        const server = await listen({ port: 0 })
        server.open(model)
        try {
          const { stdout, stderr } = await run('openai-tools.mjs', `${server.url}/v1`, QUESTION)
          assert.is(stdout, 'It is clear in Bern, with 21 degrees.\n')
          assert.is(stderr, 'calls get_weather {"city":"Bern"}\n')
        } finally {
          await server.close()
        }
      }),
    ),
}

for (const [name, check] of Object.entries(EXAMPLES)) test(`${name} does what its first lines say`, check)

test('the program of docs/STRUCTURED.md answers with the result of its function', async () => {
  const text = await readFile(repositoryPath('docs/STRUCTURED.md'), 'utf8')
  const [, program] = /^### Tools in the library\n\n```js\n(.*?)^```/ms.exec(text) ?? []
  const library = pathToFileURL(repositoryPath('dist/index.js')).href
  const source = program?.replace("'molm'", JSON.stringify(library)) ?? ''
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', source], {
    encoding: 'utf8',
  })
  assert.is(status, 0, stderr)
  const [, said] = /message\.content\) \/\/ (.*)/.exec(source) ?? []
  assert.ok(stdout.startsWith(`${said}\n`), stdout)
  assert.match(stdout, /role: 'tool',\s+content: 'clear, 21 degrees'/)
})

test('each script has a test', () => {
  const scripts = readdirSync(repositoryPath('examples')).filter((name) => name.endsWith('.mjs'))
  assert.equal(scripts.sort(), Object.keys(EXAMPLES).sort())
})

test.run()
