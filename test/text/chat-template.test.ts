import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type ChatMessage, type ChatTemplate, loadChatTemplate } from '#molm/text/chat-template.js'
import { rejectsWithUserError } from '../support/rejects.js'
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
    template?.render(messages, { addGenerationPrompt: true }),
    'User: hello\nAssistant: Hi.\nUser: Bye\nAssistant:',
  )
  assert.is(template?.render(HELLO, { addGenerationPrompt: false }), 'User: hello\n')
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
  assert.is(template.render(HELLO, { addGenerationPrompt: true }), 'plain  hello ')
})

test('chat_template.jinja is used where tokenizer_config.json has no template', async () => {
  const jinja = '{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}'
  assert.is(
    (await load({ 'chat_template.jinja': jinja })).render(HELLO, { addGenerationPrompt: true }),
    '[user] hello ',
  )
  const both = { 'chat_template.jinja': jinja, 'tokenizer_config.json': { chat_template: 'config' } }
  assert.is((await load(both)).render(HELLO, { addGenerationPrompt: true }), 'config')
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
  assert.is(template.render(HELLO, { addGenerationPrompt: true }), '<s> hello </s><pad>')
})

test('what a template raises is an error for the user, with the file and the reason', async () => {
  const chat_template =
    "{% if messages[0].role != 'system' %}{{ raise_exception('begin with a system message') }}{% endif %}"
  const template = await load({ 'tokenizer_config.json': { chat_template } })
  await rejectsWithUserError(
    () => template.render(HELLO, { addGenerationPrompt: true }),
    /tokenizer_config\.json: the chat template does not take this conversation \(begin with a system message\)/,
  )
})

test('a template that cannot be read is named', async () => {
  const refuses = (files: Record<string, unknown>, message: RegExp) =>
    rejectsWithUserError(() => inFolderOf(files, loadChatTemplate), message)
  await refuses({ 'chat_template.jinja': '{% for m in %}' }, /chat_template\.jinja: the chat template is not valid/)
  await refuses({ 'tokenizer_config.json': { chat_template: '{{ x' } }, /tokenizer_config\.json: the chat template is/)
  await refuses({ 'tokenizer_config.json': { chat_template: 5 } }, /tokenizer_config\.json: chat_template must be/)
  await refuses({ 'tokenizer_config.json': { chat_template: [{ name: 'rag', template: '' }] } }, /named "default"/)
})

test.run()
