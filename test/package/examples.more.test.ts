import { spawn, spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { listen } from '#molm/server/listen.js'
import { fixturePath, repositoryPath } from '../support/fixtures.js'
import { withModel } from '../support/models.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

/* Each script in `examples/` runs as a user runs it. */

const test = suite('the scripts in examples/')

/** Runs a script; resolves with its outputs. Rejects if it fails. */
async function run(name: string, ...args: string[]): Promise<{ stdout: string; stderr: string }> {
  const { code, ...output } = await ended(name, args)
  assert.is(code, 0, `${name}: ${output.stderr}`)
  return output
}

async function ended(name: string, args: string[]) {
  const child = spawn(process.execPath, [repositoryPath(`examples/${name}`), ...args])
  const output = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text) => {
      output[stream] += text
    })
  }
  const code = await new Promise((resolve) => child.on('close', resolve))
  return { code, ...output }
}

/** Calls `use` with the base URL of a server that has nano. */
function whileServing(use: (url: string) => Promise<void>): Promise<void> {
  return withModel('nano', { threads: 1 }, async (model) => {
    const server = await listen({ port: 0 })
    server.open(model)
    try {
      await use(`${server.url}/v1`)
    } finally {
      await server.close()
    }
  })
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
    whileServing(async (url) => {
      const { stdout, stderr } = await run('openai-tools.mjs', url)
      assert.is(stdout, 'It is clear and 21 degrees.\n')
      assert.is(stderr, 'calls get_weather {"city":"Bern"}\n')
    }),
  'ai-sdk.mjs': () =>
    whileServing(async (url) => {
      const { stdout, stderr } = await run('ai-sdk.mjs', url)
      assert.is(stdout, 'A lantern is a light inside a case that can be carried.\n')
      assert.match(stderr, /^(layer \d mlp expert \d+: \d+ of 20 tokens\n){3}$/)
    }),
  'to-task.mjs': () =>
    inTemporaryFolder(async (dir) => {
      const taskOf = async (name: string, row: object, ...labels: string[]) => {
        await writeFile(join(dir, 'rows'), `${JSON.stringify(row)}\n`)
        await writeFile(join(dir, 'labels'), `${labels.join('\n')}\n`)
        return JSON.parse((await run('to-task.mjs', name, join(dir, 'rows'), join(dir, 'labels'))).stdout)
      }
      const choices = ['x', 'y']
      const piqa = await taskOf('piqa', { goal: 'Open it', sol1: 'x', sol2: 'y' }, '1')
      assert.equal(piqa, { context: 'Question: Open it\nAnswer:', choices, answer: 1 })
      const row = { question: { stem: 'Why?', choices: [] as object[] }, answerKey: ' B' }
      row.question.choices = choices.map((text, i) => ({ text, label: 'AB'[i] }))
      assert.equal(await taskOf('arc', row), { context: 'Question: Why?\nAnswer:', choices, answer: 1 })
      assert.equal(await taskOf('openbookqa', row), { context: 'Why?', choices, answer: 1 })
      const steps = {
        activity_label: 'Baking',
        ctx_a: 'Mix it [title] Wait.',
        ctx_b: 'THEN',
        endings: ['x [step] y', 'z'],
      }
      const hellaswag = await taskOf('hellaswag', { ...steps, label: '0' })
      assert.equal(hellaswag, { context: 'Baking: Mix it. Wait. Then', choices: ['x y', 'z'], answer: 0 })
    }),
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

test('tools.mjs says in a sentence that there is no such model, or that it has no chat template', async () => {
  for (const [name, why] of [
    ['/nowhere', /^\/nowhere: no such file or folder\n$/],
    [fixturePath('01-base-bin-f32'), /^[^\n]*no chat template[^\n]*\n$/],
  ] as const) {
    const { code, stderr } = await ended('tools.mjs', [name])
    assert.is(code, 1)
    assert.match(stderr, why)
  }
})

test('each script has a test', () => {
  const scripts = readdirSync(repositoryPath('examples')).filter((name) => name.endsWith('.mjs'))
  assert.equal(scripts.sort(), Object.keys(EXAMPLES).sort())
})

test.run()
