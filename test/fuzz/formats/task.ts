import { parseTask } from '#molm/lab/evaluation/task-file.js'
import type { Chance } from '../chance.js'
import { bytesOf } from '../files.js'
import { expect, type Format } from '../format.js'
import { jsonLines } from '../harm-json.js'

const FILE = 'task.jsonl'

/** Multiple-choice questions, one JSON object per line. */
export const task: Format = {
  name: 'task',
  inputs: 8000,
  prepare: () => ({
    ...jsonLines(FILE, items),
    read({ files }) {
      const text = new TextDecoder().decode(bytesOf(files, FILE))
      const { items, lines } = parseTask({ name: FILE, text })
      expect(items.length === lines.length, `${items.length} items have ${lines.length} lines`)
      for (const { context, choices, answer, delimiter } of items) {
        const isRight = [context, delimiter, ...choices, choices[answer]].every((text) => typeof text === 'string')
        expect(isRight && choices.length > 1, `an item is ${JSON.stringify({ choices, answer })}`)
      }
    },
  }),
}

function items(chance: Chance) {
  return Array.from({ length: chance.between(1, 5) }, (_, i) => {
    const choices = Array.from({ length: chance.between(2, 4) }, (_, c) => `choice ${c}`)
    const answer = chance.below(choices.length)
    return { context: `Question ${i}`, choices, answer, ...(chance.oneIn(3) && { delimiter: '' }) }
  })
}
