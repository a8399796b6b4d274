import { Answer } from './answer.js'
import type { KeptAnswer } from './kept-form.js'

/** Line below an answer that the end of the page has cut. */
const CUT = 'cut: the page was left before the end'

/** An answer in the form that is kept. */
export function keptAnswer(answer: Answer, end: KeptAnswer['end']): KeptAnswer {
  const { content, reasoning_content: thinking = '' } = answer.message(true)
  return {
    model: answer.name,
    content,
    thinking,
    thought: answer.thoughts.counted,
    calls: answer.calls.map((call) => ({ ...call })),
    notation: { text: answer.blocks.body.text, tokens: answer.blocks.counted },
    isJson: answer.isJson,
    note: answer.isBusy ? CUT : answer.noted,
    warnings: [...answer.warnings],
    end,
  }
}

/** Shows a kept answer. Its tokens are not known any more. `before` is the answer before it. */
export function shownAnswer(kept: KeptAnswer, before?: Answer): Answer {
  const answer = new Answer(kept.model, kept.isJson)
  answer.thoughts.restore(kept.thought)
  answer.count('call', kept.notation.tokens)
  for (const warning of kept.warnings) answer.warn(warning, before)
  for (const [index, call] of kept.calls.entries()) answer.call({ index, ...call })
  const parts = { thinking: kept.thinking, content: kept.content, call: kept.notation.text }
  answer.show(
    (['thinking', 'content', 'call'] as const).flatMap((part) =>
      parts[part] === '' ? [] : [{ part, text: parts[part], token: -1 }],
    ),
  )
  answer.note(kept.note)
  answer.isBusy = false
  answer.element.classList.add('kept')
  return answer
}
