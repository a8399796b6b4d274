import type { Atlas } from '../../lab/experts/atlas/atlas.js'
import { mostParticular } from '../../lab/experts/atlas/words-of-expert.js'
import { awakeSentence } from '../../lab/experts/usage/awake.js'
import { wordsSentence } from '../../lab/pictures/kinds/usage-caption.js'
import { byId } from '../elements/elements.js'
import type { GrowingText } from '../markdown/growing-text.js'

/** Share of the time that the search for words may take. */
const SEARCHING_SHARE = 0.1
/** Caption without tokens. */
const EMPTY = 'Experts of the answers'
/** Words below it, if the experts of the answers are not known any more. */
const KEPT = 'Answers of an earlier visit, or before another model was chosen, have their texts only.'

/** The sentences above the map: how many experts the answers woke, and the words that woke the most particular one. */
export class Caption {
  private readonly heading = byId('caption', HTMLHeadingElement)
  private readonly words = byId('caption-words', HTMLParagraphElement)
  private readonly again = byId('read-again', HTMLButtonElement)
  private mayAt = 0

  /** Describes a text. While it grows, the words change less often than the numbers; `isFinal` brings them up to date. */
  show(text: GrowingText, atlas?: Atlas, isFinal = false): void {
    write(this.heading, text.usage.tokens === 0 ? EMPTY : `All answers: ${awakeSentence(text.usage)}`)
    const started = performance.now()
    const areUnknown = text.tokens.length === 0 && document.querySelector('.turn.kept') !== null
    this.again.hidden = !areUnknown
    if (text.tokens.length === 0) return write(this.words, areUnknown ? KEPT : '')
    if (started < this.mayAt && !isFinal) return
    const particular = mostParticular(text)
    write(this.words, particular ? wordsSentence(particular, atlas) : '')
    this.mayAt = performance.now() + (performance.now() - started) / SEARCHING_SHARE
  }
}

function write(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text
}
