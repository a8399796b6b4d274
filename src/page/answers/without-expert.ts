import type { ExpertPlace } from '../../lab/experts/usage/awake.js'
import { type ComparedPart, changesSentence, wordChanges } from '../../lab/experts/word-changes.js'
import { create } from '../elements/elements.js'
import { placeInWords, specOf } from '../experts/switched-off.js'
import type { Api, Asked, Call, Sending } from '../requests/api.js'
import { addCall, plainAnswer } from './calls.js'

/** A question as it was asked, and its answer if it was complete. */
export interface Answered {
  asked: Asked
  text: string
  isComplete: boolean
}

/**
 * Answers a question again with and without an expert. Both answers are greedy, so the expert alone makes the difference.
 * Resolves with an article that shows both, with the words that differ marked, and one sentence.
 */
export class WithoutExpert {
  readonly element = create('article', 'turn without')
  private readonly sentence = create('p', 'sentence', 'answering again …')
  private readonly note = create('p', 'note')
  private readonly texts = [create('div', 'answer'), create('div', 'answer')]

  constructor(
    private readonly api: Api,
    private readonly place: ExpertPlace,
  ) {
    const columns = this.texts.map((text, i) => {
      const column = create('div')
      column.append(create('h3', '', i === 0 ? 'with it' : 'without it'), text)
      return column
    })
    const two = create('div', 'two')
    two.append(...columns)
    this.element.append(
      create('h2', '', `The same question without ${placeInWords(place)}`),
      two,
      this.sentence,
      this.note,
    )
  }

  /**
   * Shows both answers as they come, while the experts of `mask` are off. Asks only for unknown ones. Rejects if the server
   * refuses or the signal stops it.
   */
  async run({ asked, text, isComplete }: Answered, mask: readonly string[], sending: Sending): Promise<void> {
    const greedy = { ...asked, temperature: 0, seed: undefined }
    const isSame = isComplete && asked.temperature === 0 && String(asked.mask ?? []) === String(mask)
    const known = isSame ? text : undefined
    if (known !== undefined) this.texts[0].textContent = known
    const [before, after] = await Promise.all([
      known ?? this.answer({ ...greedy, mask }, 0, sending),
      this.answer({ ...greedy, mask: [...mask, specOf(this.place)] }, 1, sending),
    ])
    const changes = wordChanges(before.trim(), after.trim())
    mark(this.texts[0], changes.before)
    mark(this.texts[1], changes.after)
    const others = mask.length > 0 ? ' The others that are switched off are off in both.' : ''
    this.sentence.textContent = `without ${placeInWords(this.place)}: ${changesSentence(changes)}`
    this.note.textContent = `Both answers are greedy, so only this expert makes the difference.${others}`
  }

  private async answer(asked: Asked, column: number, sending: Sending): Promise<string> {
    const calls: Call[] = []
    let [content, answer] = ['', '']
    for await (const chunk of this.api.answer(asked, sending)) {
      content += chunk.text
      for (const call of chunk.calls) addCall(calls, call)
      answer = plainAnswer(content, calls, asked.response_format !== undefined)
      this.texts[column].textContent = answer || '…'
    }
    return answer
  }
}

/** Shows the parts of a text, with a `mark` element for each part that differs. */
function mark(element: HTMLElement, parts: readonly ComparedPart[]): void {
  element.replaceChildren(...parts.map(({ text, differs }) => (differs ? create('mark', '', text) : text)))
}
