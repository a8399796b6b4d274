import { execFile } from 'node:child_process'
import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { assertRefused, molm, NANO } from './molm.js'

/** A template that prints every message and value it receives. */
const TEMPLATE =
  '{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}' +
  '{% if mood is defined %}({{ mood }}){% endif %}{% if add_generation_prompt %}<assistant>{% endif %}'

/** Runs `use` with a copy of nano that has this template. */
async function withTemplate(use: (dir: string) => Promise<void>): Promise<void> {
  await inTemporaryFolder(async (dir) => {
    for (const name of ['config.json', 'model.safetensors', 'tokenizer.json'])
      await cp(join(NANO, name), join(dir, name))
    await writeFile(join(dir, 'tokenizer_config.json'), JSON.stringify({ chat_template: TEMPLATE }))
    await use(dir)
  })
}

const GREEDY = ['--temperature', '0', '-n', '6', '--json']

/** Checks that the options render a prompt to `text`: that text gives the same answer with --raw. */
async function givesText(dir: string, args: string[], text: string, options: { stdin?: string } = {}): Promise<void> {
  const [found, expected] = await Promise.all([
    molm(['-m', dir, ...GREEDY, ...args], options),
    molm(['-m', dir, ...GREEDY, '--raw', text]),
  ])
  assert.is(found.code, 0, found.stderr)
  const [{ prompt_tokens, tokens }, wanted] = [found, expected].map(({ stdout }) => JSON.parse(stdout))
  assert.is(prompt_tokens, wanted.prompt_tokens)
  assert.equal(tokens, wanted.tokens)
}

test('a system text comes first, given as text or from a file', () =>
  withTemplate(async (dir) => {
    await writeFile(join(dir, 'rules'), 'Be brief.\n')
    const text = '<system>Be brief.<user>Hi<assistant>'
    await givesText(dir, ['-s', 'Be brief.', 'Hi'], text)
    await givesText(dir, ['--system', `@${join(dir, 'rules')}`, 'Hi'], text)
  }))

test('nano answers as without a system text, and warns that the text has no effect', async () => {
  const [plain, pirate, quiet] = await Promise.all(
    [[], ['-s', 'You are a pirate.'], ['-q', '-s', 'You are a pirate.']].map((args) =>
      molm([...args, '--temperature', '0', '-n', '12', 'hello']),
    ),
  )
  assert.equal([plain.code, plain.stderr], [0, ''])
  assert.equal([pirate.stdout, quiet.stdout, quiet.stderr], [plain.stdout, plain.stdout, ''])
  assert.is(pirate.stderr, "molm: warning: nano's chat template leaves system texts out: this one has no effect\n")
})

test('files come first, then stdin, then the arguments', () =>
  withTemplate(async (dir) => {
    const [a, b] = [join(dir, 'a.txt'), join(dir, 'b.txt')]
    await writeFile(a, 'first\n')
    await writeFile(b, 'second')
    await givesText(dir, ['-f', a, '-f', b, 'last'], '<user>first\nsecond\npiped\nlast<assistant>', {
      stdin: 'piped\n',
    })
  }))

test('a given beginning of the answer is continued and printed', () =>
  withTemplate(async (dir) => {
    await givesText(dir, ['--prefill', 'Well', 'Hi'], '<user>Hi<assistant>Well')
    const { stdout } = await molm(['-m', dir, '--temperature', '0', '-n', '3', '--prefill', 'Well', 'Hi'])
    assert.ok(stdout.startsWith('Well'), stdout)
  }))

test('messages of a file begin the conversation, and the prompt is the next message', () =>
  withTemplate(async (dir) => {
    const [list, lines] = [join(dir, 'list.json'), join(dir, 'lines.jsonl')]
    const messages = [
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'Hello' },
    ]
    await writeFile(list, JSON.stringify(messages))
    await writeFile(lines, messages.map((message) => JSON.stringify(message)).join('\n'))
    await givesText(dir, ['--messages', list, 'Bye'], '<user>Hi<assistant>Hello<user>Bye<assistant>')
    await givesText(dir, ['--messages', lines, 'Bye'], '<user>Hi<assistant>Hello<user>Bye<assistant>')
    // Without a question, the answer at the end of the file is continued.
    await givesText(dir, ['--messages', list], '<user>Hi<assistant>Hello')
  }))

test('an error in a line of messages names its number in the file', () =>
  withTemplate(async (dir) => {
    const lines = join(dir, 'lines.jsonl')
    await writeFile(lines, '\n{"role":"user","content":"Hi"}\n\nnonsense\n')
    assertRefused(await molm(['-m', dir, '--messages', lines]), 1, /lines\.jsonl:4/)
  }))

const onPosix = process.platform === 'win32' ? test.skip : test

onPosix('a file may be a pipe', () =>
  withTemplate(async (dir) => {
    const pipe = join(dir, 'pipe')
    await promisify(execFile)('mkfifo', [pipe])
    const [, found] = await Promise.all([
      writeFile(pipe, 'first\n'),
      molm(['-m', dir, '--json', '-n', '1', '-f', pipe, 'last']),
    ])
    assert.is(found.code, 0, found.stderr)
    const direct = await molm(['-m', dir, '--json', '-n', '1', 'first\nlast'])
    assert.is(JSON.parse(found.stdout).prompt_tokens, JSON.parse(direct.stdout).prompt_tokens)
  }),
)

test('the template receives values by name', () =>
  withTemplate(async (dir) => {
    await givesText(dir, ['--template-arg', 'mood="calm"', 'Hi'], '<user>Hi(calm)<assistant>')
    await givesText(dir, ['--template-arg', 'mood=3', '--template-arg', 'other=[1]', 'Hi'], '<user>Hi(3)<assistant>')
  }))

test('wrong options are refused by name', () =>
  inTemporaryFolder(async (dir) => {
    const bad = join(dir, 'bad.json')
    await writeFile(bad, '[{"role": "usr", "content": "Hi"}]')
    await writeFile(join(dir, 'bytes'), Uint8Array.of(0xff, 0xfe, 0x00))
    assertRefused(await molm(['-s', '@nowhere', 'hi']), 1, /nowhere: no such file/)
    assertRefused(await molm(['-f', dir, 'hi']), 1, /is a folder, not a file/)
    assertRefused(await molm(['-f', join(dir, 'bytes'), 'hi']), 1, /not a text in UTF-8/)
    assertRefused(
      await molm(['--messages', bad]),
      1,
      /bad\.json: "messages\[0\]\.role" must be system, developer, user, assistant or tool; the file must hold/,
    )
    assertRefused(await molm(['--template-arg', 'mood=calm', 'hi']), 2, /mood: calm is not JSON; a text needs quotes/)
    assertRefused(await molm(['--template-arg', 'mood', 'hi']), 2, /must be NAME=JSON/)
    for (const options of [
      ['-f', join(dir, 'bytes'), '-f', '-'],
      ['--messages', '-'],
      ['-s', '@-'],
    ]) {
      assertRefused(await molm(['chat', ...options]), 2, /your questions from stdin, so - cannot name a file/)
    }
    assertRefused(await molm(['--raw', '-s', 'x', 'hi']), 2, /--raw continues a text as is/)
  }))

test.run()
