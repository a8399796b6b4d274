import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Model } from '#molm/api/model.js'
import type { LayerRoutes } from '#molm/api/routes.js'
import type { Prompt } from '#molm/engine/session/prompt.js'
import { loadModel } from '#molm/index.js'
import type { AnswerWatcher, FinishedAnswer } from '#molm/terminal/conversation/answers/running-answer.js'
import { Conversation } from '#molm/terminal/conversation/conversation.js'
import { glowOf } from '#molm/terminal/map/amounts.js'
import { TokenMap } from '#molm/terminal/map/token-map.js'
import { writeChat } from '#molm/text/chat-frame.js'
import { fixturePath } from '../support/fixtures.js'
import { LANTERN } from '../support/lantern.js'
import { nanoFor } from '../support/real-chat.js'
import { rejectsWithUserError } from '../support/rejects.js'
import { routesOf } from '../support/routes.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

const test = suite('conversation')
let nano: Model
nanoFor(test, (model) => (nano = model))

/** A conversation without tools: every turn has an answer. */
class Talk extends Conversation {
  override ask(...given: Parameters<Conversation['ask']>) {
    return super.ask(...given) as Promise<FinishedAnswer>
  }
  override retry(...given: Parameters<Conversation['retry']>) {
    return super.retry(...given) as Promise<FinishedAnswer>
  }
  override resume(...given: Parameters<Conversation['resume']>) {
    return super.resume(...given) as Promise<FinishedAnswer>
  }
}

/** Records all that it receives. */
class Witness implements AnswerWatcher {
  shown = ''
  readonly tokens: number[] = []
  readonly routesOf: LayerRoutes[][] = []
  readonly map: TokenMap
  /** Messages that the model's context had no room for. */
  without = 0

  constructor(model = nano) {
    this.map = new TokenMap(model.config)
  }

  prompt(_prompt: Prompt) {}
  progress() {}
  read(tokens: readonly number[], routes: readonly LayerRoutes[]) {
    const texts = tokens.map((token) => nano.tokenizer.decode([token]))
    this.map.read(texts, routes)
  }
  text(piece: string) {
    this.shown += piece
  }
  token(token: number) {
    this.tokens.push(token)
  }
  routes(routes: LayerRoutes[]) {
    this.routesOf.push(routes)
    this.map.add(nano.tokenizer.decode([this.tokens[this.tokens.length - 1]]), routes)
  }
  leftOut(messages: number) {
    this.without = messages
  }
  end(tokens: number) {
    this.tokens.length = tokens
    this.map.endAnswer(tokens)
  }
}

const GREEDY = { temperature: 0 }

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
  const conversation = new Talk(nano)
  const witness = new Witness()
  const first = await conversation.ask(LANTERN.question, witness, GREEDY)
  assert.is(witness.shown, first.text)
  assert.is(first.text.trimEnd(), LANTERN.answer)
  const second = await conversation.ask('What is 23 + 45?', new Witness(), GREEDY)
  const frame = await writeChat(conversation.messages.slice(0, 3), { template: nano.chatTemplate })
  const steps = nano.createSession().generate(frame.text, GREEDY)
  let next = await steps.next()
  while (!next.done) next = await steps.next()
  assert.is(second.text, next.value.text.trim())
})

test('a question that is refused leaves the cache and the turns', async () => {
  const conversation = new Talk(nano)
  await conversation.ask('What is 23 + 45?', new Witness(), GREEDY)
  const { length } = conversation
  for (const regex of ['(a', 'a{9,1}']) {
    conversation.parts.asking = { regex }
    await rejectsWithUserError(() => conversation.ask('And 2 + 2?', new Witness(), GREEDY), /of the pattern/)
    assert.ok(conversation.length >= length, `${conversation.length} of ${length} tokens`)
    assert.is(conversation.messages.length, 2)
  }
  conversation.parts.asking = {}
  await conversation.ask('And 2 + 2?', new Witness(), GREEDY)
})

test('the map shows the routes of forward for the same tokens', async () => {
  const conversation = new Talk(nano)
  const witness = new Witness()
  await conversation.ask('What is 23 + 45?', witness, GREEDY)
  const prompt = nano.tokenizer.encode(
    (await writeChat(conversation.messages.slice(0, 1), { template: nano.chatTemplate })).text,
  )
  const session = nano.createSession()
  const all = [...prompt, ...witness.tokens]
  const { routes = [] } = await session.forward(all, { routes: true, logits: 'none' })
  const { map } = witness
  assert.is(map.tokens.length, all.length, 'tokens that were read are there, too')
  assert.is(map.answerStart, prompt.length)
  assert.is(map.usage.tokens, witness.tokens.length, 'only the answer counts as usage')
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
  const conversation = new Talk(nano)
  const { text } = await conversation.ask(LANTERN.question, new Witness(), GREEDY)
  assert.is((await conversation.retry(new Witness(), GREEDY))?.text, text)
  assert.is(conversation.messages.length, 2)
  assert.is(conversation.undo(), LANTERN.question)
  assert.is(conversation.undo(), undefined)
})

test('a cut answer continues as if it had not been cut, and no token is on the map twice', async () => {
  const whole = new Talk(nano)
  const { text } = await whole.ask('What is a lantern?', new Witness(), GREEDY)
  const conversation = new Talk(nano)
  for (const maxTokens of [4, 1, 2]) {
    const ask = () => conversation.ask('What is a lantern?', new Witness(), { ...GREEDY, maxTokens })
    const cut = conversation.messages.length === 0 ? await ask() : undefined
    const { text: sofar } = cut ?? (await conversation.resume(new Witness(), { ...GREEDY, maxTokens })) ?? { text: '' }
    assert.ok(sofar !== '' && text.startsWith(sofar), sofar)
  }
  const witness = new Witness()
  assert.is((await conversation.resume(witness, GREEDY))?.text, text)
  assert.is(witness.map.tokens.length, witness.tokens.length)
  assert.not.ok(witness.map.tokens[0].isQuestion)
  assert.is(conversation.messages.length, 2)
})

test('continuing an answer that had ended changes nothing, every time', async () => {
  const conversation = new Talk(nano)
  const { text } = await conversation.ask(LANTERN.question, new Witness(), GREEDY)
  const before = [...conversation.messages]
  let length = 0
  for (const _ of [1, 2]) {
    const witness = new Witness()
    const answer = await conversation.resume(witness, GREEDY)
    assert.equal([answer?.hadEnded, answer?.text, witness.tokens], [true, text, []])
    assert.equal(conversation.messages, before)
    length ||= conversation.length
    assert.is(conversation.length, length)
  }
  assert.match((await conversation.ask('What is 23 + 45?', new Witness(), GREEDY)).text, /23 \+ 45/)
})

test('a turn that is taken back is removed from the cache', async () => {
  const conversation = new Talk(nano)
  await conversation.ask(LANTERN.question, new Witness(), GREEDY)
  const length = conversation.length
  const { text } = await conversation.ask('What is 23 + 45?', new Witness(), GREEDY)
  assert.ok(conversation.length > length)
  conversation.undo()
  assert.ok(conversation.length > 0 && conversation.length <= length)
  assert.is((await conversation.ask('What is 23 + 45?', new Witness(), GREEDY)).text, text)
  conversation.undo()
  conversation.undo()
  assert.is(conversation.length, 0)
})

test('a system text that the template leaves out is reported', async () => {
  const chatTemplate = { render: async () => 'User: Hi\nAssistant:', prepare: async () => undefined }
  const conversation = new Talk(nanoWith({ chatTemplate }))
  const reported: boolean[] = []
  const witness = new Witness()
  witness.prompt = ({ dropsSystem }) => reported.push(dropsSystem)
  await conversation.ask('Hi', witness, { ...GREEDY, maxTokens: 1 })
  conversation.parts.system = 'Be brief.'
  await conversation.ask('Hi', witness, { ...GREEDY, maxTokens: 1 })
  assert.equal(reported, [false, true])
})

test('an interrupted answer is kept as far as it came, and the conversation continues', async () => {
  const conversation = new Talk(nano)
  const stop = new AbortController()
  const witness = new Witness()
  witness.token = (token) => {
    witness.tokens.push(token)
    if (witness.tokens.length === 4) stop.abort()
  }
  const answer = await conversation.ask(LANTERN.question, witness, { ...GREEDY, signal: stop.signal })
  assert.is(answer.finishReason, 'interrupted')
  assert.ok(LANTERN.answer.startsWith(answer.text))
  assert.match((await conversation.ask('What is 23 + 45?', new Witness(), GREEDY)).text, /23 \+ 45/)
})

test('a limited context that has forgotten the beginning reads the turns again', async () => {
  const conversation = new Talk(nano)
  const options = { ...GREEDY, context: 24 }
  await conversation.ask(LANTERN.question, new Witness(), options)
  await conversation.ask('What is 23 + 45?', new Witness(), options)
  conversation.undo()
  conversation.undo()
  const answer = await conversation.ask('What is 1 + 1?', new Witness(), options)
  assert.match(answer.text, /1 \+ 1/)
})

test('an answer continues a given beginning, with and without a template', async () => {
  const messages = [{ role: 'user', content: 'Hi' }]
  assert.is((await writeChat(messages, { prefill: 'Dear' })).text, 'User: Hi\nAssistant: Dear')
  const open = await writeChat([...messages, { role: 'assistant', content: 'Dear' }], { template: nano.chatTemplate })
  assert.is(open.text, 'User: Hi\nAssistant: Dear')
  const conversation = new Talk(nano)
  conversation.begin({ prefill: 'It is' })
  const { text } = await conversation.ask(LANTERN.question, new Witness(), { ...GREEDY, maxTokens: 5 })
  assert.match(text, /^It is \S/, 'with the blank between')
  assert.is(conversation.messages[1].content, text)
})

test('when a model has too few positions, the oldest turns are left out whole, and their number is reported', async () => {
  // nano has no limit of positions; here it claims one.
  const conversation = new Talk(nanoWith({ config: { ...nano.config, maxPositions: 80 } }))
  conversation.parts.system = 'Be brief.'
  const options = { ...GREEDY, maxTokens: 12 }
  const leftOut: number[] = []
  for (let turn = 0; turn < 6; turn++) {
    const witness = new Witness()
    await conversation.ask(`What is ${turn} + 1?`, witness, options)
    leftOut.push(witness.without)
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
      const conversation = new Talk(model)
      const answer = await conversation.ask('ab', new Witness(model), { ...GREEDY, ignoreEos: true, maxTokens: 100 })
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
  const conversation = new Talk(nano)
  await conversation.ask(LANTERN.question, new Witness(), GREEDY)
  const before = [...conversation.messages]
  const wrong = { ...GREEDY, topP: 2 }
  assert.ok(await conversation.ask('Hi', new Witness(), wrong).catch((error) => error instanceof Error))
  assert.equal(conversation.messages, before)
  assert.ok(await conversation.retry(new Witness(), wrong).catch((error) => error instanceof Error))
  assert.equal(conversation.messages, before)
})

test.run()
