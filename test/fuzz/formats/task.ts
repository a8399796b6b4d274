import { parseTask } from '#molm/evaluation/task-file.js'
import type { Chance } from '../chance.js'
import { bytesOf, utf8 } from '../files.js'
import { expect, type Format } from '../format.js'
import { harmBytes } from '../harm-bytes.js'
import { harmJson } from '../harm-json.js'

const FILE = 'task.jsonl'

/** Multiple-choice questions, one JSON object per line. */
export const task: Format = {
  name: 'task',
  inputs: 8000,
  prepare: () => ({
    sound: (chance) =>
      new Map([
        [
          FILE,
          utf8(
            `${items(chance)
              .map((item) => JSON.stringify(item))
              .join('\n')}\n`,
          ),
        ],
      ]),

    harm(files, chance) {
      if (chance.oneIn(3)) return new Map([[FILE, harmBytes(bytesOf(files, FILE), chance)]])
      const lines = items(chance).map((item) => JSON.stringify(item))
      const at = chance.below(lines.length)
      lines[at] = new TextDecoder().decode(harmJson(JSON.parse(lines[at]), chance, `line ${at + 1}`))
      return new Map([[FILE, utf8(lines.join('\n'))]])
    },

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
    return {
      context: `Question ${i}`,
      choices,
      answer: chance.below(choices.length),
      ...(chance.oneIn(3) && { delimiter: '' }),
    }
  })
}
