import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ChatMessage, ChatTemplate } from '#molm/api/text.js'
import { loadChatTemplate } from '#molm/text/chat-template.js'
import { rejectsWithUserError, thrownBy } from '../support/rejects.js'
import { inFolderOf, NANO, TOKENIZER_FIXTURES } from './folders.js'

const HELLO: ChatMessage[] = [{ role: 'user', content: ' hello ' }]

async function load(files: Record<string, unknown>): Promise<ChatTemplate> {
  const template = await inFolderOf(files, loadChatTemplate)
  if (!template) return assert.unreachable('no template found') as never
  return template
}

test('nano frames a conversation by its own template', async () => {
  const template = await loadChatTemplate(NANO)
  const messages = [...HELLO, { role: 'assistant', content: 'Hi.' }, { role: 'user', content: 'Bye' }]
  assert.is(
    await template?.render(messages, { addGenerationPrompt: true }),
    'User: hello\nAssistant: Hi.\nUser: Bye\nAssistant:',
  )
  assert.is(await template?.render(HELLO), 'User: hello\n')
})

test('a model without a template has none', async () => {
  assert.is(await loadChatTemplate(TOKENIZER_FIXTURES[0]), undefined)
  assert.is(await inFolderOf({}, loadChatTemplate), undefined)
  assert.is(await inFolderOf({ 'tokenizer_config.json': { chat_template: null } }, loadChatTemplate), undefined)
})

test('of several templates the one named "default" is used', async () => {
  const chat_template = [
    { name: 'tool_use', template: 'tools' },
    { name: 'default', template: 'plain {{ messages[0].content }}' },
  ]
  const template = await load({ 'tokenizer_config.json': { chat_template } })
  assert.is(await template.render(HELLO), 'plain  hello ')
})

test('chat_template.jinja wins over a template in tokenizer_config.json, as in transformers', async () => {
  const jinja = '{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}'
  assert.is(await (await load({ 'chat_template.jinja': jinja })).render(HELLO), '[user] hello ')
  const both = { 'chat_template.jinja': jinja, 'tokenizer_config.json': { chat_template: 'config' } }
  assert.is(await (await load(both)).render(HELLO), '[user] hello ')
})

test('a conversation with tools has the template for them', async () => {
  const chat_template = [
    { name: 'default', template: 'plain' },
    { name: 'tool_use', template: '{{ tools[0].name }}' },
  ]
  const template = await load({ 'tokenizer_config.json': { chat_template } })
  assert.is(await template.render(HELLO), 'plain')
  assert.is(await template.render(HELLO, { args: { tools: [{ name: 'weather' }] } }), 'weather')
})

test('a method of a dictionary comes before an entry of its name', async () => {
  const source =
    '{% for name, one in p.items() %}{{ name }}={{ one }};{% endfor %} {{ p.items }} {{ p["items"] }} {{ p.get("keys") }}'
  const template = await load({ 'chat_template.jinja': source })
  const args = { p: { items: 'list', keys: 'map' } }
  assert.is(await template.render(HELLO, { args }), 'items=list;keys=map; list list map')
})

test('more variables can be given, except variables of the conversation', async () => {
  const source = '{{ messages[0].role }} {{ enable_thinking }} {{ documents | length }} {{ add_generation_prompt }}'
  const template = await load({ 'chat_template.jinja': source })
  const args = { enable_thinking: false, documents: [1, 2], messages: [], add_generation_prompt: true }
  assert.is(await template.render(HELLO, { args }), 'user False 2 False')
})

test('the last message can stay open, so that the answer continues it', async () => {
  const messages = [...HELLO, { role: 'assistant', content: 'Sure, ' }]
  const open = async (source: string) =>
    (await load({ 'chat_template.jinja': source })).render(messages, { continueFinalMessage: true })
  const end = '{% if add_generation_prompt %}assistant:{% endif %}'
  assert.is(
    await open(`{% for m in messages %}{{ m.role }}:{{ m.content }}</s>{% endfor %}${end}`),
    'user: hello </s>assistant:Sure, ',
  )
  assert.is(await open(`{% for m in messages %}{{ m.content | trim }}</s>{% endfor %}${end}`), 'hello</s>Sure,')
  await rejectsWithUserError(() => open('{{ messages[0].content }}'), /it leaves out the last message/)
  const template = await load({ 'chat_template.jinja': 'x' })
  await rejectsWithUserError(() => template.render([], { continueFinalMessage: true }), /only a text can be continued/)
})

test('the template knows the special tokens, written as text or as objects, from either file', async () => {
  const template = await load({
    'tokenizer_config.json': {
      chat_template: '{{ bos_token }}{{ messages[0].content }}{{ eos_token }}{{ pad_token }}',
      bos_token: { content: '<s>', lstrip: false },
      eos_token: '</s>',
    },
    'special_tokens_map.json': { eos_token: 'other', pad_token: '<pad>' },
  })
  assert.is(await template.render(HELLO), '<s> hello </s><pad>')
})

test('an error raised by a template names the file and the reason', async () => {
  const chat_template =
    "{% if messages[0].role != 'system' %}{{ raise_exception('begin with a system message') }}{% endif %}"
  const template = await load({ 'tokenizer_config.json': { chat_template } })
  await rejectsWithUserError(
    () => template.render(HELLO),
    /tokenizer_config\.json: the chat template does not take this conversation \(begin with a system message\)/,
  )
})

test('a template that cannot be read is named', async () => {
  const refuses = (files: Record<string, unknown>, message: RegExp) =>
    rejectsWithUserError(() => inFolderOf(files, async (dir) => (await loadChatTemplate(dir))?.render(HELLO)), message)
  await refuses({ 'chat_template.jinja': '{% for m in %}' }, /chat_template\.jinja: the chat template does not take/)
  await refuses({ 'tokenizer_config.json': { chat_template: '{{ x' } }, /tokenizer_config\.json: the chat template/)
  await refuses({ 'tokenizer_config.json': { chat_template: 5 } }, /tokenizer_config\.json: chat_template must be/)
  await refuses({ 'tokenizer_config.json': { chat_template: [{ name: 'rag', template: '' }] } }, /named "default"/)
  const long = 'x'.repeat(2 ** 20 + 1)
  await refuses({ 'tokenizer_config.json': { chat_template: long } }, /a chat template of more than 1 MiB is not read/)
})

test('a template knows that there are no tools and documents', async () => {
  const source = "{{ 'TOOLS' if tools is not none }}{{ 'DOCUMENTS' if documents is not none }}plain"
  assert.is(await (await load({ 'chat_template.jinja': source })).render(HELLO), 'plain')
})

/** Takes too long. */
const ENDLESS = '{% for i in range(10000) %}{% for j in range(10000) %}{% endfor %}{% endfor %}'

test('a template that takes too much memory is ended', async () => {
  const source = '{% set ns = namespace(s=[1,2,3]) %}{% for i in range(40) %}{% set ns.s = ns.s + ns.s %}{% endfor %}'
  const template = await load({ 'chat_template.jinja': source })
  await rejectsWithUserError(() => template.render(HELLO), /\(ended, since it took more than 1\.5 s or 64 MiB\)$/)
})

test('a template that is no longer wanted is ended at once', async () => {
  const template = await load({ 'chat_template.jinja': ENDLESS })
  const aborting = new AbortController()
  const reason = new Error('no more')
  setTimeout(() => aborting.abort(reason), 100)
  // By itself it would be ended after 1.5 s, with another error.
  assert.is(await thrownBy(template.render(HELLO, { signal: aborting.signal })), reason)
})

test('a template that was ended, or has raised, is there for the next conversation', async () => {
  const source = `{% if messages[0].content == 'long' %}${ENDLESS}{% elif messages[0].content == 'no' %}{{ raise_exception('no') }}{% endif %}done`
  const template = await load({ 'chat_template.jinja': source })
  const ask = (content: string) => template.render([{ role: 'user', content }]).catch(({ message }) => message)
  const answers = await Promise.all(['a', 'long', 'b', 'no', 'c'].map(ask))
  assert.equal([answers[0], answers[2], answers[4]], ['done', 'done', 'done'])
  assert.match(answers[1], /ended, since it took more/)
  assert.match(answers[3], /\(no\)$/)
})

test.run()
