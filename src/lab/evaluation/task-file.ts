import { UserError } from '../../ground/errors.js'
import { isText, isWord, listOf, optional, whole } from '../../ground/json/forms.js'
import { parseJsonObject } from '../../ground/json/json.js'
import { JsonReader, nameOf } from '../../ground/json/reader.js'
import type { NamedText } from '../../insight/texts/text-file.js'

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
  const parsed = parseJsonObject(new TextEncoder().encode(line), source)
  const item = new JsonReader(parsed, (path, what) => new UserError(`${source}: "${nameOf(path)}" ${what}`))
  const context = item.in('context').as(isText, 'a text')
  const isChoices = listOf(isWord, { least: 2 })
  const choices = item.in('choices').as(isChoices, 'a list of at least two texts, none of them empty')
  const last = choices.length - 1
  const answer = item.in('answer').as(whole(0, last), `the index of a choice, 0 to ${last}`)
  return { context, choices, answer, delimiter: item.in('delimiter').as(optional(isText), 'a text') ?? ' ' }
}
