// A function of this script called through `molm serve`, with the npm package openai:
//   molm serve -m nano &
//   node examples/openai-tools.mjs http://127.0.0.1:8080/v1 'What is the weather in Bern?'
import OpenAI from 'openai'

const [baseURL = 'http://127.0.0.1:8080/v1', question = 'What is the weather in Bern?'] = process.argv.slice(2)
const client = new OpenAI({ baseURL, apiKey: process.env.MOLM_API_KEY ?? 'none' })
const [model] = (await client.models.list()).data

const getWeather = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'The weather of a city now',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
    parse: JSON.parse,
    // A real one would ask a service, and may return a promise.
    function: () => 'clear, 21 degrees',
  },
}

const runner = client.chat.completions.runTools({
  model: model.id,
  messages: [{ role: 'user', content: question }],
  tools: [getWeather],
  temperature: 0,
  stream: true,
})
runner.on('functionToolCall', ({ name, arguments: given }) => console.error(`calls ${name} ${given}`))
runner.on('content', (text) => process.stdout.write(text))
await runner.finalContent()
console.log()
