import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { resultOf } from '#molm/index.js'
import { withModel } from '../support/models.js'
import { molm, TINY } from './molm.js'

/** A template that prints every message and value it receives; with `quiet`, no system text. */
const TEMPLATE =
  "{% for m in messages if not quiet or m.role != 'system' %}<{{ m.role }}>{{ m.content }}{% endfor %}" +
  '{% if mood is defined %}({{ mood }}){% endif %}{% if add_generation_prompt %}<assistant>{% endif %}'

const test = suite<{ folder: string }>('options of a conversation', { folder: '' })

/** A copy of a small model that has this template. */
test.before(async (context) => {
  context.folder = await mkdtemp(join(tmpdir(), 'molm-options-'))
  await cp(TINY, context.folder, { recursive: true })
  const config = JSON.parse(await readFile(join(TINY, 'tokenizer_config.json'), 'utf8'))
  const changed = JSON.stringify({ ...config, chat_template: TEMPLATE })
  await writeFile(join(context.folder, 'tokenizer_config.json'), changed)
})

test.after(({ folder }) => rm(folder, { recursive: true }))

/** Checks that options render prompts to texts: those texts give the library the same answers. */
async function give(dir: string, cases: [args: string[], text: string, stdin?: string][]): Promise<void> {
  await withModel(dir, { threads: 1 }, async (model) => {
    for (const [args, text, stdin] of cases) {
      const command = ['-m', dir, '-t', '1', '--temperature', '0', '-n', '6', '--ignore-eos', '--json']
      const { code, stdout, stderr } = await molm([...command, ...args], { stdin })
      assert.is(code, 0, stderr)
      const { prompt_tokens, tokens } = JSON.parse(stdout)
      const options = { temperature: 0, maxTokens: 6, ignoreEos: true }
      const expected = await resultOf(model.createSession().generate(text, options))
      assert.equal([prompt_tokens, tokens], [expected.promptTokens, expected.tokens], text)
    }
  })
}

test('system texts, files, stdin, messages and values reach the template in their places', async ({ folder }) => {
  const at = (name: string) => join(folder, name)
  await writeFile(at('rules'), 'Be brief.\n')
  await writeFile(at('a.txt'), 'first\n')
  await writeFile(at('b.txt'), 'second')
  const messages = [
    { role: 'user', content: 'Hi' },
    { role: 'assistant', content: 'Hello' },
  ]
  await writeFile(at('lines.jsonl'), messages.map((message) => JSON.stringify(message)).join('\n'))
  await give(folder, [
    [['--system', `@${at('rules')}`, '--prefill', 'Well', 'Hi'], '<system>Be brief.<user>Hi<assistant>Well'],
    [
      ['-s', 'Be', '--template-arg', 'mood=3', '--template-arg', 'other=[1]', '--messages', at('lines.jsonl'), 'Bye'],
      '<system>Be<user>Hi<assistant>Hello<user>Bye(3)<assistant>',
    ],
    [['-f', at('a.txt'), '-f', at('b.txt'), 'last'], '<user>first\nsecond\npiped\nlast<assistant>', 'piped\n'],
    // Without a question, the answer at the end of the file is continued.
    [['--messages', '-'], '<user>Hi<assistant>Hello', JSON.stringify(messages)],
  ])
})

test.run()
