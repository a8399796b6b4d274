import { readFileSync } from 'node:fs'
import { repositoryPath } from './fixtures.js'

const QUESTION = 'What is a lantern?'
const PROMPT = `User: ${QUESTION}\nAssistant:`

/** Nano's answer to the question at temperature 0, in every packing. It equals the text of IBM's code. */
export const LANTERN = { question: QUESTION, prompt: PROMPT, answer: answerTo(PROMPT) }

/** A text that nano in f32 continues at temperature 0 beyond its answer, with the next turn. */
export const NEXT_TURN = casesOf(({ greedy_text }) => greedy_text.includes('\nUser:'))[0]

interface Case {
  prompt: string
  greedy_text: string
}

function casesOf(isWanted: (one: Case) => boolean): Case[] {
  return JSON.parse(readFileSync(repositoryPath('models/nano/expected.json'), 'utf8')).cases.filter(isWanted)
}

function answerTo(prompt: string): string {
  const [{ greedy_text }] = casesOf((one) => one.prompt === prompt)
  return greedy_text.split('\nUser:')[0].replace('<|endoftext|>', '').trim()
}

/** Pattern of a screen line that holds only this text. */
export function linesOf(text: string): RegExp {
  return new RegExp(`^${text.replace(/[.?]/g, '\\$&')}$`, 'gm')
}
