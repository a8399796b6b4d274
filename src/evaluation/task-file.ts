import { UserError } from '../errors.js'
import { parseJsonObject } from '../json.js'
import type { NamedText } from './text-file.js'

export interface TaskItem {
  context: string
  choices: string[]
  answer: number
  /** Text between context and choice; a blank unless the item has another. */
  delimiter: string
}

/** A file of questions; item i comes from line `lines[i]`. */
export interface Task {
  name: string
  items: TaskItem[]
  lines: number[]
}

/** Parses questions, one JSON object a line; skips empty lines. Throws a UserError that names the first wrong line. */
export function parseTask({ name, text }: NamedText): Task {
  const task: Task = { name, items: [], lines: [] }
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue
    task.items.push(parseItem(line, `${name}: line ${index + 1}`))
    task.lines.push(index + 1)
  }
  if (task.items.length === 0) throw new UserError(`${name}: has no items; one JSON object per line was expected`)
  return task
}

function parseItem(line: string, source: string): TaskItem {
  const item = parseJsonObject(new TextEncoder().encode(line), source)
  const { context, choices, answer, delimiter = ' ' } = item
  const refuse = (what: string) => new UserError(`${source}: ${what}`)
  if (typeof context !== 'string') throw refuse('"context" must be a text')
  if (!isChoices(choices)) throw refuse('"choices" must be a list of at least two texts, none of them empty')
  if (!Number.isInteger(answer) || Number(answer) < 0 || Number(answer) >= choices.length) {
    throw refuse(`"answer" must be the index of a choice, 0 to ${choices.length - 1}`)
  }
  if (typeof delimiter !== 'string') throw refuse('"delimiter" must be a text')
  return { context, choices, answer: Number(answer), delimiter }
}

function isChoices(value: unknown): value is string[] {
  return Array.isArray(value) && value.length >= 2 && value.every((text) => typeof text === 'string' && text !== '')
}
