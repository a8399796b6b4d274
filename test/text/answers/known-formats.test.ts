import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { knownFormat } from '#molm/text/answers/known-formats.js'
import { thinkingOf } from '#molm/text/answers/thinking-form.js'
import { writeChat } from '#molm/text/chat-frame.js'
import { loadChatTemplate } from '#molm/text/chat-template.js'
import { QWEN_3_5 } from '../../support/family-templates.js'
import { publishedTemplates } from '../../support/published-templates.js'
import { WRITTEN_ANSWERS } from '../../support/written-answers.js'
import { inFolderOf, NANO } from '../folders.js'

/** Form of calls of a published template, and whether it has thoughts. */
function formOf(source: string): [calls: string | undefined, thinks: boolean] | undefined {
  const { fields } = knownFormat(source) ?? {}
  const { content, open, openPattern } = fields?.tool_calls ?? {}
  return fields && [content && `${content} ${open ?? openPattern}`, fields.thinking !== undefined]
}

test('published templates have the form that their family has', () => {
  const published = publishedTemplates()
  const json = 'json <tool_call>'
  const expected: Record<string, ReturnType<typeof formOf>> = {
    'qwen3:0.6b': [json, true],
    'qwen3-next:80b': [json, true],
    'qwen2.5:0.5b': [json, false],
    'qwen3-coder:30b': ['xml-inline <tool_call>\\s*<function=(?P<name>[^>\\s]+)>', false],
    'granite4:latest': [json, false],
    'granite3.1-moe:1b': ['json <|tool_call|>', false],
    'granite3.3:2b': ['json <|tool_call|>', true],
    'rnj-1:latest': [json, false],
    'deepseek-r1:8b': [undefined, true],
    'phi4-reasoning:14b': [undefined, true],
    'mixtral:8x7b': undefined,
    'llama3:8b': undefined,
    'gemma3:1b': undefined,
  }
  for (const [name, form] of Object.entries(expected)) assert.equal(formOf(published.get(name) as string), form, name)
  assert.equal(formOf(QWEN_3_5), [expected['qwen3-coder:30b']?.[0], true])
  assert.equal(formOf(WRITTEN_ANSWERS.lfm2.source), ['python-calls <|tool_call_start|>', true])
  assert.equal(formOf(WRITTEN_ANSWERS.mistral.source), ['mistral-calls [TOOL_CALLS]', false])
})

test('thoughts of all families have texts around them', () => {
  const texts = Object.entries(WRITTEN_ANSWERS).map(([name, { source }]) => {
    const { open, close, content } = thinkingOf(knownFormat(source)) ?? {}
    return [name, open && `${open}${close}${content}`]
  })
  const tags = '<think></think>'
  assert.equal(Object.fromEntries(texts.filter(([, all]) => all !== undefined)), {
    qwen3: tags,
    'qwen3 with thoughts begun': tags,
    'qwen3 without thoughts': tags,
    'granite3 with thoughts': tags,
    'granite3 without thoughts': tags,
    harmony: '<|channel|>analysis<|message|><|end|><|channel|>final<|message|>',
    'harmony with a text': '<|channel|>analysis<|message|><|end|><|channel|>final<|message|>',
    lfm2: tags,
    zaya: tags,
    gemma4: '<|channel>thought\n<channel|>',
    glm: tags,
    'ling with thoughts begun': tags,
    'ling without thoughts': tags,
    'ernie with a call': tags,
    'ernie with a text': tags,
  })
})

test("a checkpoint's own response template wins", async () => {
  const response_template = { start_anchor: 'A:', fields: { thinking: { open: '(', close: ')' }, content: {} } }
  const chat_template = '<think></think>'
  const template = await inFolderOf({ 'tokenizer_config.json': { chat_template, response_template } }, loadChatTemplate)
  assert.equal(template?.response?.fields.thinking, { open: '(', close: ')' })
  assert.is(template?.warning, undefined)
})

test('a wrong response template is warned about, and the model can be used', async () => {
  const load = (chat_template: string) =>
    inFolderOf({ 'tokenizer_config.json': { chat_template, response_template: { fields: 1 } } }, loadChatTemplate)
  const known = await load('<think></think>')
  assert.match(
    known?.warning ?? '',
    /tokenizer_config\.json: response_template\.fields must be an object; answers are read in the form/,
  )
  assert.ok(known?.response?.fields.thinking)
  const { notes } = await writeChat([{ role: 'user', content: 'Hi' }], { template: known })
  assert.equal(notes, [known?.warning])
  const unknown = await load('plain')
  assert.match(unknown?.warning ?? '', /must be an object; answers are plain text/)
  assert.is(unknown?.response, undefined)
})

test('the type of a model decides on its calls if its template has none', async () => {
  const files = (model_type: string) => ({
    'tokenizer_config.json': { chat_template: '<|im_start|>assistant\n' },
    'config.json': { model_type },
  })
  const lfm2 = await inFolderOf(files('lfm2_moe'), loadChatTemplate)
  assert.is(lfm2?.response?.fields.tool_calls.content, 'python-calls')
  assert.is((await inFolderOf(files('other'), loadChatTemplate))?.response, undefined)
})

test('nano has thoughts, and calls by the template for tools', async () => {
  const template = await loadChatTemplate(NANO)
  assert.is(template?.response?.fields.tool_calls.open, '<tool_call>')
  assert.is(thinkingOf(template?.response)?.open, '<think>')
  assert.ok(template?.mentions?.('Tools:'))
  assert.not.ok(template?.mentions?.('<|im_start|>'))
})

test.run()
