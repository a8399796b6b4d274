import { readdir, readFile, writeFile } from 'node:fs/promises'
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
import { assertRefused, type Ended, ended, molm, TINY } from './molm.js'
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

test('each value has the first of option, preset, variable, file and default, and config says which', () =>
  withHome(async ({ dir, run, config }) => {
    await config('set', 'model', './here')
    await config('set', 'temperature', '0.5')
    await config('set', 'num-ctx', '99')
    await config('set', 'memory', '6GiB')
    await config('set', 'stop', '\\n', 'User:')
    await config('save', 'short', '-m', 'nano', '-n', '5', '--temperature', '1')
    assert.equal(JSON.parse(await readFile(join(dir, 'config.json'), 'utf8')), {
      model: join(process.cwd(), 'here'),
      temperature: 0.5,
      context: 99,
      memory: '6GiB',
      stop: ['\\n', 'User:'],
      presets: { short: { model: 'nano', 'max-tokens': 5, temperature: 1 } },
    })
    const rows = (await run('config --preset short --temperature 0')).stdout
    for (const row of [
      'model\tnano\tpreset short',
      'temperature\t0\toption',
      'context\t99\tfile',
      'top-k\t40\tdefault of nano',
      'min-p\t0.05\tdefault',
    ]) {
      assert.ok(rows.includes(`${row}\n`), `${row} in\n${rows}`)
    }
    assert.match(rows, '\npreset short\t--model nano --max-tokens 5 --temperature 1\tfile\n')
    assert.match((await run('config', { MOLM_MODEL: 'other' })).stdout, 'model\tother\t$MOLM_MODEL\n')
    assert.is(await config('get', 'temperature'), '0.5\n')
    await config('unset', 'temperature')
    await config('unset', 'short')
    const { settings, presets, file } = JSON.parse(await config('--json'))
    const temperature = { value: 'the model’s, else 0.8', from: 'default' }
    assert.equal([settings.temperature, settings.stop.from], [temperature, 'file'], './here is no model')
    assert.equal([presets, file], [{}, join(dir, 'config.json')])
  }))

test('a wrong name or value is refused as the option refuses it', () =>
  withHome(async ({ dir, run }) => {
    for (const [words, says] of [
      ['set temperatur 1', /no setting 'temperatur'; did you mean temperature\?/],
      ['set temperature hot', /--temperature must be a number not below 0, not 'hot'/],
      ['set memory 6', /--memory 6 is 6 bytes; did you mean 6GB\?/],
      ['set theme grey', /theme must be dark or light, not 'grey'/],
      ['set ignore-eos maybe', /ignore-eos must be true or false/],
      ['set system You are', /takes one value: write it in quotes/],
      ['set logprobs 3', /there is no setting 'logprobs'/],
      ['sett model x', /has no 'sett'; did you mean set\?/],
      ['unset', /needs a name/],
      ['get nowhere', /there is no setting 'nowhere'; there are model, system, /],
      ['save model -n 3', /no name for a preset/],
      ['save empty', /needs options, like -m MODEL/],
    ] as const) {
      assertRefused(await run(`config ${words}`), 2, says)
    }
    await writeFile(join(dir, 'config.json'), '{"temprature": 1}')
    assertRefused(await run('run hi'), 1, /config\.json: there is no setting 'temprature'; did you mean temperature\?/)
    assert.is((await run('list')).code, 0, 'a command without these options')
    assert.is((await run('config unset temprature')).code, 0)
    await writeFile(join(dir, 'config.json'), '{"temperature": "hot"}')
    assertRefused(await run('run hi'), 1, /config\.json: --temperature must be a number/)
    await writeFile(join(dir, 'config.json'), '{"stop": {}}')
    assertRefused(await run('config'), 1, /config\.json: a setting is a text, a number/)
  }))

test('without a value config shows what the model asks for', () =>
  withHome(async ({ config }) => {
    assert.is(await config('get', 'temperature'), '0.2\n')
    assert.match(await config(), 'max-tokens\t512\tdefault of nano\n')
  }))

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

test('a damaged file stops commands with a remedy, and the next change puts it aside', () =>
  withHome(async ({ dir, run, config }) => {
    const path = join(dir, 'config.json')
    const damaged = ['{}\n}', '{"presets": 5}']
    for (const [i, text] of damaged.entries()) {
      await writeFile(path, text)
      for (const line of ['run hi', 'config']) {
        assertRefused(await run(line), 1, /config\.json: .*\nmend the file, or `molm config set` puts it aside/)
      }
      assertRefused(await run('config unset nothing'), 2, /no setting 'nothing'/)
      assert.is(await readFile(path, 'utf8'), text, 'a wrong command changes nothing')
      const aside = `config.json.damaged${i === 0 ? '' : '-2'}`
      const { code, stderr } = await run(i === 0 ? 'config set seed 4' : 'config save x --seed 4')
      assert.is(code, 0, stderr)
      assert.match(stderr, `config.json was damaged and is now ${join(dir, aside)}; the settings are new`)
      assert.is(await readFile(join(dir, aside), 'utf8'), text)
      assert.is(await config('get', i === 0 ? 'seed' : 'x'), i === 0 ? '4\n' : '--seed 4\n')
    }
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

test('commands take the settings below their options, and name the source of an unknown model', () =>
  withHome(async (home) => {
    const { run, config } = home
    await config('set', 'max-tokens', '3')
    await config('set', 'temperature', '0')
    await config('save', 'two', '-n', '2')
    const tokens = await tokensOf(home, '')
    assert.is(tokens.length, 3)
    assert.equal(await tokensOf(home, '--seed 1'), tokens, 'greedy')
    assert.equal(await tokensOf(home, '--preset two'), tokens.slice(0, 2))
    assert.equal(await tokensOf(home, '--preset two -n 1'), tokens.slice(0, 1))
    assertRefused(await run('run --preset tow and'), 2, /no preset 'tow'; did you mean two\?/)
    await config('set', 'model', 'nowhere')
    assertRefused(await run('show'), 1, /no model 'nowhere'.* \(named by `molm config`\)/)
    assert.match((await run('show', { MOLM_MODEL: 'nano' })).stdout, /nano/)
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

test('a Modelfile becomes a preset, with a note on each line that cannot', () =>
  withHome(async ({ dir, run, config }) => {
    const path = join(dir, 'Modelfile')
    const lines = [
      '# a comment',
      'FROM ./granite.gguf',
      'TEMPLATE """{{ if .System }}{{ .System }}',
      '{{ end }}{{ .Prompt }}"""',
      'system """You are "Mario".',
      'Answer so."""',
      'PARAMETER temperature 0.3',
      'parameter num_ctx 4096',
      'PARAMETER stop "<|im_end|>"',
      'PARAMETER stop User:',
      'PARAMETER num_gpu 99',
      'PARAMETER mirostat 2',
      'MESSAGE user Hello',
    ]
    await writeFile(path, `${lines.join('\r\n')}\n`)
    const { code, stderr } = await run(`config save mario -f ${path} -n 7`)
    assert.is(code, 0)
    assert.match(stderr, /TEMPLATE is left out: .*\n.*PARAMETER mirostat is left out.*\n.*MESSAGE is left out/)
    assert.match(stderr, /granite\.gguf: no such file/)
    assert.equal(JSON.parse(await config('--json')).presets.mario, {
      model: join(dir, 'granite.gguf'),
      system: 'You are "Mario".\r\nAnswer so.',
      temperature: 0.3,
      context: 4096,
      stop: ['<|im_end|>', 'User:'],
      'max-tokens': 7,
    })
    for (const [line, says] of [
      ['ADAPTER ./lora', /ADAPTER changes weights/],
      ['PARAMETER top_k many', /Modelfile: --top-k must be an integer/],
      ['FROM', /line 1 is no instruction/],
      ['\nPARAMETER seed', /line 2 is no instruction/],
    ] as const) {
      await writeFile(path, line)
      assertRefused(await run(`config save x -f ${path}`), 1, says)
    }
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
