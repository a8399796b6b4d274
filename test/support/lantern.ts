import { readFileSync } from 'node:fs'
import { repositoryPath } from './fixtures.js'

const QUESTION = 'What is a lantern?'
const PROMPT = `User: ${QUESTION}\nAssistant:`

/** Nano's answer to the question at temperature 0, in every packing. It equals the text of IBM's code. */
export const LANTERN = { question: QUESTION, prompt: PROMPT, answer: answerTo(PROMPT) }

function answerTo(prompt: string): string {
  const { cases } = JSON.parse(readFileSync(repositoryPath('models/nano/expected.json'), 'utf8'))
  const { greedy_text } = cases.find((one: { prompt: string }) => one.prompt === prompt)
  return greedy_text.split('\nUser:')[0].replace('<|endoftext|>', '').trim()
}

/** Pattern of a screen line that holds only this text. */
export function linesOf(text: string): RegExp {
  return new RegExp(`^${text.replace(/[.?]/g, '\\$&')}$`, 'gm')
}
