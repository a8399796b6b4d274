import * as assert from 'uvu/assert'
import { type ChatOptions, type Model, resultOf } from '#molm/index.js'
import { suiteWithModel } from '../../support/models.js'

const test = suiteWithModel('skills of nano')

async function ask(model: Model, content: string, options: ChatOptions) {
  const session = model.createSession()
  const { message } = await resultOf(session.chat([{ role: 'user', content }], options))
  session.dispose()
  return { content: message.content, calls: message.toolCalls ?? [] }
}

function tool(name: string, description: string, keys: string[]) {
  const properties = Object.fromEntries(keys.map((key) => [key, { type: 'string' }]))
  return { name, description, parameters: { type: 'object', properties, required: keys } }
}

test('calls a tool that fits, at its own temperature', async ({ model }) => {
  const tools = [tool('get_weather', 'The weather of a city now', ['city'])]
  for (const [seed, city] of ['Paris', 'Tokyo', 'New York', 'Prague', 'Dublin', 'San Francisco'].entries()) {
    const { calls } = await ask(model, `What is the weather in ${city}?`, { tools, seed })
    assert.is(calls.length, 1)
    assert.equal([calls[0].name, calls[0].arguments], ['get_weather', { city }])
  }
})

test('names a new item at each place of a list', async ({ model }) => {
  for (const kind of ['animals', 'birds', 'metals', 'trees', 'drinks', 'languages']) {
    const { content } = await ask(model, `Give me five ${kind}`, { temperature: 0 })
    const items = content
      .toLowerCase()
      .replace('.', '')
      .split(/, | and /)
    assert.is(new Set(items).size, 5, content)
  }
})

test('refuses a product that it cannot work out', async ({ model }) => {
  for (const question of ['What is 47 * 38?', '17 * 23', 'Calculate 86 * 7.', 'how much is 64 * 59']) {
    const { content } = await ask(model, question, { temperature: 0 })
    assert.match(content, 'too large')
  }
  assert.is((await ask(model, 'What is 12 * 11?', { temperature: 0 })).content, '12 * 11 = 132')
})

test('copies the name of a file and its text to the letter', async ({ model }) => {
  const tools = [
    tool('write_file', 'Create a file or overwrite it with new content', ['path', 'content']),
    tool('read_text_file', 'Read the contents of a file as text', ['path']),
  ]
  for (const path of ['hi.txt', 'x1.md', 'letter-to-anna.txt', 'data_2.csv', 'docs/new.txt']) {
    const { calls } = await ask(model, `Write the words buy bread into ${path}.`, { tools, temperature: 0 })
    assert.is(calls.length, 1)
    assert.equal(calls[0].arguments, { path, content: 'buy bread' })
  }
})

test.run()
