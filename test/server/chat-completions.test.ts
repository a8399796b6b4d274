import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { resultOf } from '#molm/index.js'
import { writeChat } from '#molm/text/chat-frame.js'
import { eventsIn, post, serverFor, serveSharedNano } from './served.js'

/* POST /v1/chat/completions with the official client. */
const test = suite('chat completions')

const QUESTION = { role: 'user', content: 'What is a lantern?' } as const
const GREEDY = { model: 'nano', temperature: 0, max_tokens: 24 }
const served = serverFor(test, () => serveSharedNano({ alias: 'little' }))

/** The library's answer to a conversation as `molm run` frames it. */
async function alone(messages: { role: string; content: string }[], system = ''): Promise<string> {
  const { model } = served
  const { text } = await writeChat(messages, { template: model.chatTemplate, system })
  const session = model.createSession()
  const prompt = model.tokenizer.encode(text, { addSpecialTokens: false })
  const answer = await resultOf(session.generate(prompt, { temperature: 0, maxTokens: 24 }))
  session.dispose()
  return answer.finishReason === 'length' ? answer.text.trimStart() : answer.text.trim()
}

test('a conversation is framed by the template, and the answer ends as the model was trained to', async () => {
  const answer = await served.client.chat.completions.create({ ...GREEDY, messages: [QUESTION], max_tokens: 60 })
  const [{ message, finish_reason, logprobs }] = answer.choices
  assert.is(answer.object, 'chat.completion')
  assert.is(answer.model, 'little')
  assert.is(message.role, 'assistant')
  assert.match(message.content as string, /^A lantern is .*\S$/)
  assert.is(finish_reason, 'stop')
  assert.is(logprobs, null)
  assert.ok((answer.usage?.completion_tokens ?? 0) > 4)
})

test('a conversation continues after a system text, even if the template has no place for one', async () => {
  const first = await alone([QUESTION])
  const turns = [QUESTION, { role: 'assistant', content: first } as const, { role: 'user', content: 'Why?' } as const]
  for (const role of ['system', 'developer'] as const) {
    const messages = [{ role, content: 'Answer in few words.' }, ...turns]
    const { choices } = await served.client.chat.completions.create({ ...GREEDY, messages })
    assert.is(choices[0].message.content, await alone(turns, 'Answer in few words.'))
  }
})

test('the next turn finds the previous one in the cache', async () => {
  const question = { role: 'user', content: 'What is a river?' } as const
  const first = await served.client.chat.completions.create({ ...GREEDY, messages: [question] })
  const answer = { role: 'assistant', content: first.choices[0].message.content as string } as const
  const messages = [question, answer, { role: 'user', content: 'Why?' } as const]
  const { usage } = await served.client.chat.completions.create({ ...GREEDY, messages })
  assert.ok((usage?.prompt_tokens_details?.cached_tokens ?? 0) >= (first.usage?.prompt_tokens ?? Infinity))
})

test('contents may be lists of parts', async () => {
  const content = ['What is ', 'a lantern?'].map((text) => ({ type: 'text', text }) as const)
  const messages = [{ role: 'user', content } as const]
  const { choices } = await served.client.chat.completions.create({ ...GREEDY, messages })
  assert.is(choices[0].message.content, await alone([QUESTION]))
})

test('an assistant message at the end is continued', async () => {
  const messages = [QUESTION, { role: 'assistant', content: 'A lantern is' } as const]
  const { choices } = await served.client.chat.completions.create({ ...GREEDY, messages })
  assert.match(choices[0].message.content as string, /^ \w/)
  const stream = await served.client.chat.completions.create({ ...GREEDY, messages, stream: true })
  let streamed = ''
  for await (const chunk of stream) streamed += chunk.choices[0].delta.content ?? ''
  assert.is(streamed, choices[0].message.content)
})

test('a stream has the same text, a role first, a finish reason last, and its usage if the request asks for it', async () => {
  const ask = { ...GREEDY, messages: [QUESTION], logprobs: true, top_logprobs: 2 }
  const whole = await served.client.chat.completions.create(ask)
  const streaming = { ...ask, stream: true, stream_options: { include_usage: true } } as const
  const stream = await served.client.chat.completions.create(streaming)
  const chunks = []
  for await (const chunk of stream) chunks.push(chunk)
  const choices = chunks.flatMap((chunk) => chunk.choices)
  assert.is(choices[0].delta.role, 'assistant')
  assert.is(choices.map(({ delta }) => delta.content ?? '').join(''), whole.choices[0].message.content)
  const scored = choices.flatMap(({ logprobs }) => logprobs?.content ?? [])
  assert.equal(scored, whole.choices[0].logprobs?.content)
  assert.is(choices.at(-1)?.finish_reason, whole.choices[0].finish_reason)
  assert.is(choices.filter(({ finish_reason }) => finish_reason).length, 1)
  const last = chunks.at(-1)
  assert.equal(last?.choices, [])
  assert.is(last?.usage?.completion_tokens, whole.usage?.completion_tokens)
  assert.ok(chunks.slice(0, -1).every(({ usage }) => usage === null))
})

test('log-probabilities include the likeliest tokens, the greedy one first with the same number, and bytes', async () => {
  const ask = { ...GREEDY, messages: [QUESTION], logprobs: true, top_logprobs: 3 }
  const { choices } = await served.client.chat.completions.create(ask)
  const content = choices[0].logprobs?.content ?? []
  assert.ok(content.length > 4)
  for (const { token, logprob, bytes, top_logprobs } of content) {
    assert.is(top_logprobs.length, 3)
    assert.is(top_logprobs[0].token, token)
    assert.is(top_logprobs[0].logprob, logprob)
    assert.is(Buffer.from(bytes ?? []).toString(), token)
  }
  const plain = await served.client.chat.completions.create({ ...ask, top_logprobs: undefined })
  assert.equal(plain.choices[0].logprobs?.content?.[0].top_logprobs, [])
})

test('max_completion_tokens and max_tokens are the same', async () => {
  const { max_tokens, ...ask } = { ...GREEDY, messages: [QUESTION] }
  const { usage, choices } = await served.client.chat.completions.create({ ...ask, max_completion_tokens: 3 })
  assert.is(usage?.completion_tokens, 3)
  assert.is(choices[0].finish_reason, 'length')
})

test('every sampling option has its effect', async () => {
  const text = async (options: object) => {
    const ask = { model: 'nano', messages: [QUESTION], max_tokens: 24, seed: 5, temperature: 3, top_k: 0, top_p: 1 }
    const { body, status } = await post(served.url, '/v1/chat/completions', { ...ask, min_p: 0, ...options })
    assert.is(status, 200, JSON.stringify(body))
    return body.choices[0].message.content
  }
  const wild = await text({})
  const greedy = await text({ temperature: 0 })
  assert.is(await text({}), wild)
  assert.is.not(await text({ seed: 6 }), wild)
  for (const option of [{ temperature: 0.001 }, { top_k: 1 }, { top_p: 0.0001 }, { min_p: 1 }]) {
    assert.is(await text(option), greedy, JSON.stringify(option))
  }
  assert.is.not(await text({ temperature: 0, repetition_penalty: 3 }), greedy)
  assert.ok(greedy.startsWith(await text({ temperature: 0, stop: ['is'] })))
})

test('a chat reports the experts of the answer alone, whole and as a stream', async () => {
  const body = { ...GREEDY, max_tokens: 4, messages: [QUESTION], routed_experts: 'answer' }
  const { body: whole } = await post(served.url, '/v1/chat/completions', body)
  const [{ routed_experts: experts, ...choice }] = whole.choices
  assert.is(experts.length, 4)
  assert.not.ok('prompt_routed_experts' in choice)
  const { body: text } = await post(served.url, '/v1/chat/completions', { ...body, stream: true })
  assert.not.match(text, /prompt_routed_experts/)
  const choices = eventsIn(text).flatMap((event) => event.choices)
  const streamed = choices.flatMap(({ routed_experts: routed = [] }) => routed)
  assert.equal(streamed, experts)
})

test('a stream with routed_experts has the prompt’s experts first, then each token’s', async () => {
  const body = { ...GREEDY, max_tokens: 4, messages: [QUESTION], stream: true, routed_experts: true }
  const { body: text, headers } = await post(served.url, '/v1/chat/completions', body)
  assert.match(headers.get('content-type') ?? '', /^text\/event-stream/)
  assert.ok(text.endsWith('\n\ndata: [DONE]\n\n'))
  const choices = eventsIn(text).map((event) => event.choices[0])
  const prompt = choices.flatMap((choice) => choice.prompt_routed_experts ?? [])
  const answer = choices.flatMap((choice) => choice.routed_experts ?? [])
  assert.is(answer.length, 4)
  assert.is(prompt.map((token: { text: string }) => token.text).join(''), 'User: What is a lantern?\nAssistant:')
  const { layers, mixtures } = served.model.config
  for (const { experts } of [...prompt, ...answer]) {
    assert.is(experts.length, layers)
    assert.is(experts[0].mlp.ids.length, mixtures.find(({ kind }) => kind === 'mlp')?.topK)
  }
  const first = choices.findIndex((choice) => choice.prompt_routed_experts)
  assert.ok(first < choices.findIndex((choice) => choice.routed_experts))
})

test('a conversation may have several choices', async () => {
  const wild = { temperature: 3, top_p: 1, top_k: 0, min_p: 0, seed: 1 }
  const ask = { messages: [QUESTION], n: 3, max_tokens: 10, ...wild }
  const { body } = await post(served.url, '/v1/chat/completions', ask)
  const texts = body.choices.map(({ message }: { message: { content: string } }) => message.content)
  assert.is(new Set(texts).size, 3)
})

test.run()
