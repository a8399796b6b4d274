import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Model } from '#molm/api/model.js'
import { textOf } from '#molm/engine/session/answer.js'
import { loadModel } from '#molm/index.js'
import { TurnTokens } from '#molm/terminal/conversation/state/turn-tokens.js'
import {
  Conversation,
  type ConversationEvent,
  type TurnOptions,
} from '#molm/terminal/conversation/turns/conversation.js'
import { glowOf } from '#molm/terminal/map/amounts.js'
import { TokenMap } from '#molm/terminal/map/token-map.js'
import { writeChat } from '#molm/text/chat-frame.js'
import { collected } from '../support/collected.js'
import { fixturePath } from '../support/fixtures.js'
import { LANTERN } from '../support/lantern.js'
import { nanoFor } from '../support/real-chat.js'
import { rejectsWithUserError } from '../support/rejects.js'
import { routesOf } from '../support/routes.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

const test = suite('conversation')
let nano: Model
nanoFor(test, (model) => (nano = model))

/** The answer of a turn without tools, and all events of the turn. */
async function answerOf(turn: ReturnType<Conversation['ask']>) {
  const { steps: events } = await collected(turn)
  const end = events.findLast((event) => event.kind === 'answer')
  if (!end) throw new Error('no answer')
  const { answer } = end
  return { ...answer, text: answer.message.content, events, ids: idsIn(events).slice(0, answer.tokens) }
}

const idsIn = (events: readonly ConversationEvent[]) => {
  return events.flatMap((event) => (event.kind === 'token' ? [event.step.token] : []))
}

/** The map after these events. */
function mapAfter(events: readonly ConversationEvent[]): TokenMap {
  const map = new TokenMap(nano.config)
  const turns = new TurnTokens(map)
  turns.beginAnswer()
  for (const event of events) turns.add(event, 0, (token) => nano.tokenizer.decode([token]))
  return map
}

const GREEDY = { temperature: 0 }

const ask = (conversation: Conversation, text: string, options: TurnOptions = GREEDY) => {
  return answerOf(conversation.ask(text, options))
}

/** Nano with other properties. */
function nanoWith(others: Partial<Model>): Model {
  return new Proxy(nano, {
    get: (model, key) => {
      if (key in others) return Reflect.get(others, key)
      const value = Reflect.get(model, key, model)
      return typeof value === 'function' ? value.bind(model) : value
    },
  })
}

test('an answer streams, and later turns continue from the cache as from the start', async () => {
  const conversation = new Conversation(nano)
  const first = await ask(conversation, LANTERN.question)
  const parts = first.events.flatMap((event) => ('events' in event ? event.events : []))
  assert.is(textOf(parts, 'content'), first.text)
  assert.is(first.text.trimEnd(), LANTERN.answer)
  const second = await ask(conversation, 'What is 23 + 45?')
  const frame = await writeChat(conversation.messages.slice(0, 3), { template: nano.chatTemplate })
  const steps = nano.createSession().generate(frame.text, GREEDY)
  let next = await steps.next()
  while (!next.done) next = await steps.next()
  assert.is(second.text, next.value.text.trim())
})

test('a question that is refused leaves the cache and the turns', async () => {
  const conversation = new Conversation(nano)
  await ask(conversation, 'What is 23 + 45?')
  const { length } = conversation
  for (const regex of ['(a', 'a{9,1}']) {
    conversation.parts.asking = { regex }
    await rejectsWithUserError(() => ask(conversation, 'And 2 + 2?'), /of the pattern/)
    assert.ok(conversation.length >= length, `${conversation.length} of ${length} tokens`)
    assert.is(conversation.messages.length, 2)
  }
  conversation.parts.asking = {}
  await ask(conversation, 'And 2 + 2?')
})

test('the map shows the routes of forward for the same tokens', async () => {
  const conversation = new Conversation(nano)
  const { events, ids } = await ask(conversation, 'What is 23 + 45?')
  const prompt = nano.tokenizer.encode(
    (await writeChat(conversation.messages.slice(0, 1), { template: nano.chatTemplate })).text,
  )
  const session = nano.createSession()
  const all = [...prompt, ...ids]
  const { routes = [] } = await session.forward(all, { routes: true, logits: 'none' })
  const map = mapAfter(events)
  assert.is(map.tokens.length, all.length, 'tokens that were read are there, too')
  assert.is(map.answerStart, prompt.length)
  assert.is(map.usage.tokens, ids.length, 'only the answer counts as usage')
  for (const index of map.tokens.keys()) {
    map.select(index)
    for (const [layer, experts] of routes.entries()) {
      for (const [kind, k] of [
        ['attention', 2],
        ['mlp', 4],
      ] as const) {
        const { ids, gates } = routesOf(experts, kind)
        const row = index * k
        const expected = new Float32Array(kind === 'mlp' ? 24 : 8)
        for (let slot = 0; slot < k; slot++) expected[ids[row + slot]] = gates[row + slot]
        const drawn = glowOf(map, kind, layer)
        assert.ok(
          drawn.every((glow, expert) => Math.abs(glow ** 2 - expected[expert]) < 1e-5),
          `token ${index}`,
        )
      }
    }
  }
})

test('retry answers the same turn again, undo returns its text', async () => {
  const conversation = new Conversation(nano)
  const { text } = await ask(conversation, LANTERN.question)
  assert.is((await answerOf(conversation.retry(GREEDY))).text, text)
  assert.is(conversation.messages.length, 2)
  assert.is(conversation.undo(), LANTERN.question)
  assert.is(conversation.undo(), undefined)
})

test('a cut answer continues as if it had not been cut, and no token is on the map twice', async () => {
  const whole = new Conversation(nano)
  const { text } = await ask(whole, 'What is a lantern?')
  const conversation = new Conversation(nano)
  for (const maxTokens of [4, 1, 2]) {
    const options = { ...GREEDY, maxTokens }
    const isFirst = conversation.messages.length === 0
    const turn = isFirst ? conversation.ask('What is a lantern?', options) : conversation.resume(options)
    const { text: sofar } = await answerOf(turn)
    assert.ok(sofar !== '' && text.startsWith(sofar), sofar)
  }
  const rest = await answerOf(conversation.resume(GREEDY))
  assert.is(rest.text, text)
  const { tokens } = mapAfter(rest.events)
  assert.is(tokens.length, rest.ids.length)
  assert.not.ok(tokens[0].isQuestion)
  assert.is(conversation.messages.length, 2)
})

test('continuing an answer that had ended changes nothing, every time', async () => {
  const conversation = new Conversation(nano)
  const { text } = await ask(conversation, LANTERN.question)
  const before = [...conversation.messages]
  let length = 0
  for (const _ of [1, 2]) {
    const answer = await answerOf(conversation.resume(GREEDY))
    assert.equal([answer.hadEnded, answer.text, answer.ids], [true, text, []])
    assert.equal(conversation.messages, before)
    length ||= conversation.length
    assert.is(conversation.length, length)
  }
  assert.match((await ask(conversation, 'What is 23 + 45?')).text, /23 \+ 45/)
})

test('a turn that is taken back is removed from the cache', async () => {
  const conversation = new Conversation(nano)
  await ask(conversation, LANTERN.question)
  const length = conversation.length
  const { text } = await ask(conversation, 'What is 23 + 45?')
  assert.ok(conversation.length > length)
  conversation.undo()
  assert.ok(conversation.length > 0 && conversation.length <= length)
  assert.is((await ask(conversation, 'What is 23 + 45?')).text, text)
  conversation.undo()
  conversation.undo()
  assert.is(conversation.length, 0)
})

test('a system text that the template leaves out is reported', async () => {
  const chatTemplate = { render: async () => 'User: Hi\nAssistant:', prepare: async () => undefined }
  const conversation = new Conversation(nanoWith({ chatTemplate }))
  const isDropped = async () => {
    const { events } = await ask(conversation, 'Hi', { ...GREEDY, maxTokens: 1 })
    return events.some((event) => event.kind === 'prompt' && event.prompt.dropsSystem)
  }
  assert.not.ok(await isDropped())
  conversation.parts.system = 'Be brief.'
  assert.ok(await isDropped())
})

test('an interrupted answer is kept as far as it came, and the conversation continues', async () => {
  const conversation = new Conversation(nano)
  const stop = new AbortController()
  const events: ConversationEvent[] = []
  for await (const event of conversation.ask(LANTERN.question, { ...GREEDY, signal: stop.signal })) {
    events.push(event)
    if (idsIn(events).length === 4) stop.abort()
  }
  const end = events.at(-1)
  assert.ok(end?.kind === 'answer' && end.answer.finishReason === 'interrupted')
  assert.ok(LANTERN.answer.startsWith(end.answer.message.content))
  assert.match((await ask(conversation, 'What is 23 + 45?')).text, /23 \+ 45/)
})

test('a limited context that has forgotten the beginning reads the turns again', async () => {
  const conversation = new Conversation(nano)
  const options = { ...GREEDY, context: 24 }
  await ask(conversation, LANTERN.question, options)
  await ask(conversation, 'What is 23 + 45?', options)
  conversation.undo()
  conversation.undo()
  const answer = await ask(conversation, 'What is 1 + 1?', options)
  assert.match(answer.text, /1 \+ 1/)
})

test('an answer continues a given beginning, with and without a template', async () => {
  const messages = [{ role: 'user', content: 'Hi' }]
  assert.is((await writeChat(messages, { prefill: 'Dear' })).text, 'User: Hi\nAssistant: Dear')
  const open = await writeChat([...messages, { role: 'assistant', content: 'Dear' }], { template: nano.chatTemplate })
  assert.is(open.text, 'User: Hi\nAssistant: Dear')
  const conversation = new Conversation(nano)
  conversation.begin({ prefill: 'It is' })
  const { text } = await ask(conversation, LANTERN.question, { ...GREEDY, maxTokens: 5 })
  assert.match(text, /^It is \S/, 'with the blank between')
  assert.is(conversation.messages[1].content, text)
})

test('when a model has too few positions, the oldest turns are left out whole, and their number is reported', async () => {
  // nano has no limit of positions; here it claims one.
  const conversation = new Conversation(nanoWith({ config: { ...nano.config, maxPositions: 80 } }))
  conversation.parts.system = 'Be brief.'
  const options = { ...GREEDY, maxTokens: 12 }
  const leftOut: number[] = []
  for (let turn = 0; turn < 6; turn++) {
    const { events } = await ask(conversation, `What is ${turn} + 1?`, options)
    for (const event of events) if (event.kind === 'prompt') leftOut.push(event.prompt.leftOut ?? 0)
  }
  assert.is(conversation.messages.length, 12, 'the user still sees all turns')
  const told = leftOut.filter((count) => count > 0)
  assert.ok(told.length > 0 && told.every((count) => count % 2 === 0), `${leftOut}`)
  const first = told[told.length - 1]
  const frame = await writeChat(conversation.messages.slice(first, 11), {
    system: 'Be brief.',
    template: nano.chatTemplate,
  })
  assert.ok(nano.tokenizer.encode(frame.text).length + 12 <= 80)
})

test('an answer that fills the context of a model is kept', async () => {
  await inTemporaryFolder(async (dir) => {
    const folder = join(dir, 'short')
    await cp(fixturePath('41-qwen3moe-f32'), folder, { recursive: true })
    const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'))
    await writeFile(join(folder, 'config.json'), JSON.stringify({ ...config, max_position_embeddings: 24 }))
    // Only single bytes, since the model has fewer ids than the tokenizer.
    const tokenizer = JSON.parse(await readFile(fixturePath('01-base-bin-f32/tokenizer.json'), 'utf8'))
    const vocab = Object.entries(tokenizer.model.vocab).filter(([, id]) => (id as number) < 256)
    const bytes = {
      ...tokenizer,
      added_tokens: [],
      model: { ...tokenizer.model, vocab: Object.fromEntries(vocab), merges: [] },
    }
    await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(bytes))
    const model = await loadModel(folder, { threads: 1 })
    try {
      const conversation = new Conversation(model)
      const answer = await ask(conversation, 'ab', { ...GREEDY, ignoreEos: true, maxTokens: 100 })
      assert.is(answer.contextFull, true)
      const roles = conversation.messages.map(({ role }) => role)
      assert.equal(roles, ['user', 'assistant'])
      assert.is(conversation.messages[1].content, answer.text)
    } finally {
      await model.dispose()
    }
  })
})

test('an error leaves the turns as they were', async () => {
  const conversation = new Conversation(nano)
  await ask(conversation, LANTERN.question)
  const before = [...conversation.messages]
  const wrong = { ...GREEDY, topP: 2 }
  assert.ok(await ask(conversation, 'Hi', wrong).catch((error) => error instanceof Error))
  assert.equal(conversation.messages, before)
  assert.ok(await answerOf(conversation.retry(wrong)).catch((error) => error instanceof Error))
  assert.equal(conversation.messages, before)
})

test.run()
