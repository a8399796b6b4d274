// Messages sorted into JSON by a schema, one line each; every line parses:
//   node examples/schema.mjs nano 'The page is blank.' 'Thank you!'
import { loadModel, resultOf } from 'molm'

const [name = 'nano', ...given] = process.argv.slice(2)
const texts = given.length > 0 ? given : ['The page is blank since noon.', 'Could it also print tables?', 'Thank you!']

const schema = {
  type: 'object',
  properties: {
    kind: { enum: ['fault', 'wish', 'praise'] },
    isUrgent: { type: 'boolean' },
    stars: { type: 'integer', minimum: 1, maximum: 5 },
  },
  required: ['kind', 'isUrgent', 'stars'],
  additionalProperties: false,
}

const model = await loadModel(name)
const session = model.createSession()
for (const text of texts) {
  const messages = [{ role: 'user', content: `Sort this message of a user: ${text}` }]
  const { message } = await resultOf(session.chat(messages, { schema, temperature: 0 }))
  console.log(JSON.stringify({ text, ...JSON.parse(message.content) }))
}
await model.dispose()
