// A model that calls a function of this script:
//   node examples/tools.mjs nano 'What is the weather in Bern?'
// The model must have been trained to call tools, as nano, Qwen3, Granite 4, LFM2 and gpt-oss are.
import { eventsOf, loadModel, UserError } from 'molm'

const [name = 'nano', question = 'What is the weather in Bern?'] = process.argv.slice(2)

const getWeather = {
  name: 'get_weather',
  description: 'The weather of a city now',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  // A real one would ask a service; `run` may return a promise.
  run: () => 'clear, 21 degrees',
}

const options = {
  tools: [getWeather],
  maxTurns: 4,
  temperature: 0,
  onMessage(message) {
    if (message.toolCalls && message.content !== '') console.log()
    for (const call of message.toolCalls ?? []) console.error(`calls ${call.name} ${JSON.stringify(call.arguments)}`)
    if (message.role === 'tool') console.error(`result ${message.content}`)
  },
}
let model
try {
  model = await loadModel(name)
  const session = model.createSession()
  for await (const { step } of eventsOf(session.chat([{ role: 'user', content: question }], options))) {
    if (step?.kind === 'content') process.stdout.write(step.text)
  }
  console.log()
} catch (error) {
  // Errors that you can act on are a sentence.
  if (!(error instanceof UserError)) throw error
  console.error(error.message)
  process.exitCode = 1
} finally {
  await model?.dispose()
}
