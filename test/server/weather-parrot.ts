import { ForWorker } from '../support/for-worker.js'
import { callOf, type ParrotOptions } from '../support/parrot-model.js'
import { serveParrot } from './served.js'

/** Questions and answers of a model that thinks and asks for the weather. */
export const QUESTION = 'What is the weather in Bern and in Rome?'
export const THOUGHTS = 'Two cities. I ask the tool for each.'
export const CONCLUSION = 'The tool has both.'
export const ANSWER = 'It is 21 degrees in Bern and 30 in Rome.'
export const GREETING = 'Hello! How are you?'
export const NUMBERS =
  'One two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen.'
/** Its answer is in it, so drafts of prompt lookup are right. */
export const AGAIN = `${NUMBERS} Say that again!`

const call = (city: string) => callOf('get_weather', { city })

export const WEATHER_PARROT: ParrotOptions = {
  format: 'qwen3',
  answers: [
    { says: `<think>\nA greeting.\n</think>\n\n${GREETING}` },
    { to: 'Say that again!', says: NUMBERS },
    { to: QUESTION, says: `<think>\n${THOUGHTS}\n</think>\n\n${call('Bern')}\n${call('Rome')}` },
    { toTool: true, says: `<think>\n${CONCLUSION}\n</think>\n\n${ANSWER}` },
  ],
}

/** A server of it without options but its alias, for all files of a worker process. */
export const sharedParrot = new ForWorker(
  () => serveParrot(WEATHER_PARROT, { alias: 'parrot' }),
  (served) => served.close(),
)

export const WEATHER_SCHEMA = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
}

export const WEATHER_TOOL = {
  type: 'function' as const,
  function: { name: 'get_weather', description: 'The weather in a city', parameters: WEATHER_SCHEMA },
}
