import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ChatTemplate } from '#molm/api/text.js'
import { writeChat } from '#molm/text/chat-frame.js'
import { loadChatTemplate } from '#molm/text/chat-template.js'
import { rejectsWithUserError } from '../support/rejects.js'
import { inFolderOf } from './folders.js'

const HI = [{ role: 'user', content: 'Hi' }]
const TURNS = '{% for m in messages %}{{ m.role }}:{{ m.content }} {% endfor %}'

function framed(chat_template: string, system: string, messages: { role: string; content: string }[] = HI) {
  return inFolderOf({ 'tokenizer_config.json': { chat_template } }, async (dir) => {
    const template = await loadChatTemplate(dir)
    assert.ok(template)
    return writeChat(messages, { template, system })
  })
}

test('a model without template has plain turns, which end at the beginning of the next', async () => {
  const messages = [
    { role: 'user', content: ' Hi ' },
    { role: 'assistant', content: 'Hello.' },
    { role: 'user', content: 'Bye' },
  ]
  const text = 'User: Hi\nAssistant: Hello.\nUser: Bye\nAssistant:'
  assert.equal(await writeChat(messages), {
    text,
    encoding: { addSpecialTokens: true, hasLiterals: false },
    stop: ['\nUser:', '\nAssistant:'],
    reading: { prompt: text, isAnswer: true, isTurn: true },
    notes: [],
    dropsSystem: false,
  })
})

test('a system text is written if the template has a place for it', async () => {
  const { text, dropsSystem } = await framed(TURNS, 'Be brief.')
  assert.equal([text, dropsSystem], ['system:Be brief. user:Hi ', false])
})

test('a template that leaves system texts out has its way, and it is reported', async () => {
  const users = "{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}"
  for (const [system, messages] of [
    ['Be brief.', HI],
    ['Hi', HI],
    ['', [{ role: 'system', content: 'Be brief.' }, ...HI]],
  ] as const) {
    const { text, dropsSystem } = await framed(users, system, [...messages])
    assert.equal([text, dropsSystem], ['Hi', true])
  }
  assert.equal([(await framed(users, '')).dropsSystem, (await framed(users, ' \n')).dropsSystem], [false, false])
})

test('a template that refuses system texts gives an error that says that it takes the rest', async () => {
  const refuses = `{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}${TURNS}`
  await rejectsWithUserError(
    () => framed(refuses, 'Be brief.'),
    /does not take this conversation \(no system role\); without the system text it does$/,
  )
  assert.is((await framed(refuses, '')).text, 'user:Hi ')
  const refusesAll = "{{ raise_exception('never') }}"
  await rejectsWithUserError(() => framed(refusesAll, 'Be brief.'), /\(never\)$/)
})

test('content with a form may follow a blank if the prompt ends with a sign', async () => {
  const phasesOf = async (template?: ChatTemplate) => {
    const messages = [{ role: 'user', content: 'Hi' }]
    return (await writeChat(messages, { template, regex: 'x' })).guide?.phases
  }
  const content = { kind: 'regex', pattern: 'x' }
  const blank = { kind: 'repeat', part: { kind: 'text', text: ' ' }, atLeast: 0, atMost: 1 }
  const behindBlank = { kind: 'grammar', grammar: { kind: 'sequence', parts: [blank, content] } }
  const ending = (end: string): ChatTemplate => ({ render: async () => `Hi${end}`, prepare: async () => undefined })
  assert.equal(await phasesOf(), [behindBlank])
  assert.equal(await phasesOf(ending('[/INST]')), [behindBlank])
  for (const end of ['\n', '<|assistant|>']) {
    assert.equal(await phasesOf(ending(end)), [{ kind: 'grammar', grammar: content }])
  }
})

test.run()
