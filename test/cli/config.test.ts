import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Conversations } from '#molm/chat/conversations/conversations.js'
import { readModelfile } from '#molm/cli/commands/config/modelfile.js'
import { readConversation } from '#molm/cli/parsing/conversation-options.js'
import { changeSettings, readSettings } from '#molm/cli/setup/settings.js'
import { settingsPath } from '#molm/ground/files/home.js'
import { HAS_PSEUDO_TERMINAL } from '../support/pseudo-terminal.js'
import { rejectsWithUserError } from '../support/rejects.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { QUESTION, typed } from './kept-home.js'
import { type Ended, ended, molm, TINY } from './molm.js'
import { complete, startServer } from './server.js'

const test = suite('settings that stay, and presets')
const inTerminal = HAS_PSEUDO_TERMINAL ? test : test.skip

interface Home {
  dir: string
  env: { MOLM_HOME: string }
  /** Runs a command line, split at blanks. */
  run(line: string, env?: object): Promise<Ended>
  /** Runs `molm config`, which must succeed. Resolves with its output. */
  config(...words: string[]): Promise<string>
}

const withHome = (use: (home: Home) => Promise<void>) =>
  inTemporaryFolder(async (dir) => {
    const env = { MOLM_HOME: dir }
    const run = (line: string, more = {}) => molm(line.split(' ').filter(Boolean), { env: { ...env, ...more } })
    const config = async (...words: string[]) => {
      const { code, stdout, stderr } = await molm(['config', ...words], { env })
      assert.is(code, 0, stderr)
      return stdout
    }
    await use({ dir, env, run, config })
  })

/** Ids of the tokens of an answer of a tiny model. */
async function tokensOf({ run }: Home, line: string): Promise<number[]> {
  const { code, stdout, stderr } = await run(`run -m ${TINY} -t 1 --ignore-eos --json ${line} and`)
  assert.is(code, 0, stderr)
  return JSON.parse(stdout).tokens
}

test('the file is in MOLM_HOME, else in the folder of the user’s settings', () => {
  assert.is(settingsPath({ MOLM_HOME: '/m' }), '/m/config.json')
  assert.is(settingsPath({ XDG_CONFIG_HOME: '/x', XDG_DATA_HOME: '/d' }), '/x/molm/config.json')
  assert.match(settingsPath({}), /\/\.config\/molm\/config\.json$/)
})

test('changes at the same moment wait for each other, so that none is lost', () =>
  inTemporaryFolder(async (dir) => {
    const path = join(dir, 'deep', 'config.json')
    const names = Array.from({ length: 12 }, (_, i) => `p${i}`)
    const save = (name: string) =>
      changeSettings(({ presets }) => {
        presets[name] = { system: name.repeat(100) }
      }, path)
    await Promise.all(names.map(save))
    assert.equal(Object.keys((await readSettings(path)).presets).sort(), names.sort())
    assert.equal(await readdir(join(dir, 'deep')), ['config.json'])
  }))

test('settings that could not be read again are refused', () =>
  inTemporaryFolder(async (dir) => {
    const path = join(dir, 'config.json')
    const set = (system: string) =>
      changeSettings(({ settings }) => {
        settings.system = system
      }, path)
    await set('short')
    await rejectsWithUserError(() => set('x'.repeat(2 ** 20)), /config\.json: would exceed 1 MiB; .* as @FILE/)
    assert.is((await readSettings(path)).settings.system, 'short')
  }))

test('a system text of the file makes no conversation of a text to continue', () =>
  withHome(async (home) => {
    const { run, config } = home
    const plain = await tokensOf(home, '--temperature 0 -n 4')
    const readBy = async (line: string) => JSON.parse((await run(`run --json -n 1 ${line}`)).stdout).prompt_tokens
    const lengths = () => Promise.all([readBy('--raw hi'), readBy('hi')])
    const [raw, question] = await lengths()
    await config('set', 'system', 'Be brief.')
    assert.equal(await tokensOf(home, '--temperature 0 -n 4'), plain)
    const [rawAfter, questionAfter] = await lengths()
    assert.is(rawAfter, raw)
    assert.ok(questionAfter > question)
  }))

inTerminal('a conversation that is continued keeps its system text', () =>
  withHome(async ({ dir, env, run, config }) => {
    await typed(env, QUESTION)
    await config('set', 'system', 'Be brief.')
    assert.is((await run('run -c -n 3 More?')).code, 0)
    const conversations = Conversations.at(join(dir, 'conversations'))
    const { messages, system } = await conversations.stateOf((await conversations.latest()) as { path: string })
    assert.equal([messages.length, system], [4, ''])
  }),
)

test('a theme comes before what the terminal says', () =>
  withHome(async ({ run, config }) => {
    const [dark, light] = ['15;0', '0;15']
    const drawn = async (background: string) =>
      (await run('experts -t 1 lantern', { FORCE_COLOR: '3', COLORFGBG: background })).stdout
    const [onDark, onLight] = [await drawn(dark), await drawn(light)]
    assert.not.equal(onDark, onLight)
    await config('set', 'theme', 'light')
    assert.is(await drawn(dark), onLight)
  }))

test('a text of a Modelfile never names a file: its @ is doubled, as on the command line', () =>
  withHome(async ({ dir, run, config }) => {
    const [path, secret] = [join(dir, 'Modelfile'), join(dir, 'secret')]
    await writeFile(secret, 'key material')
    for (const text of [`@${secret}`, '@@twice', '@']) {
      for (const line of [`SYSTEM ${text}`, `SYSTEM """${text}"""`, `PARAMETER system ${text}`]) {
        await writeFile(path, line)
        const { preset } = await readModelfile(path)
        assert.is((await readConversation({ system: String(preset.system) })).system, text)
      }
    }
    await writeFile(path, `SYSTEM @${secret}`)
    assert.is((await run(`config save x -q -f ${path}`)).code, 0)
    assert.is(await config('get', 'x'), `--system @@${secret}\n`)
    await config('save', 'x', '-s', `@${secret}`)
    assert.is(await config('get', 'x'), `--system @${secret}\n`)
    assert.is((await readConversation({ system: `@${secret}` })).system, 'key material')
  }))

test('no Modelfile takes long to read', () =>
  inTemporaryFolder(async (dir) => {
    const path = join(dir, 'Modelfile')
    const begun = process.cpuUsage().user
    await writeFile(path, `SYSTEM a${' '.repeat(65_000)}b`)
    assert.is(String((await readModelfile(path)).preset.system).length, 65_002)
    for (const text of ['S "a\n'.repeat(13_000), 'S """a\n'.repeat(8_000), `S ${'"'.repeat(65_000)}a`]) {
      await writeFile(path, text)
      await rejectsWithUserError(() => readModelfile(path), /line 1 is no .*, or its quote has no end/)
    }
    const seconds = (process.cpuUsage().user - begun) / 1e6
    assert.ok(seconds < 1, `it takes ${seconds} s`)
  }))

test('a server takes a preset as what its requests leave open', () =>
  withHome(async ({ env, config }) => {
    await config('save', 'brief', '-m', TINY, '-n', '2', '-s', 'Be brief.', '--temperature', '0')
    const { child, url } = await startServer(['--preset', 'brief', '-t', '1'], env)
    const end = ended(child)
    const tokens = async (body: object) => {
      const response = await complete(url, { prompt: [5, 9], ignore_eos: true, ...body })
      return ((await response.json()) as { usage: { completion_tokens: number } }).usage.completion_tokens
    }
    assert.equal([await tokens({}), await tokens({ max_tokens: 3 })], [2, 3])
    child.kill('SIGTERM')
    assert.is((await end).code, 0)
  }))

test.run()
