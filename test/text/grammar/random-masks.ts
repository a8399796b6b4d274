import * as assert from 'uvu/assert'
import { seededRandom } from '#molm/engine/sampling/random.js'
import { messageText } from '#molm/ground/message.js'
import { readEbnf } from '#molm/text/grammar/forms/read-ebnf.js'
import { GuideClient } from '#molm/text/grammar/guide-client.js'
import { GuideReader } from '#molm/text/grammar/guide-ends.js'
import { allowedBy, tokenizerOf } from '../../support/guided-text.js'
import { Recogniser } from '../../support/recogniser.js'

const LETTERS = ['a', 'b', 'c', 'é']
const [EOS, SPECIAL] = [0, 1]
const PAIRS = LETTERS.flatMap((first) => LETTERS.map((second) => first + second))
const TOKENS = ['<eos>', '<special>', ...LETTERS, ...PAIRS, 'abc', 'aaa', 'bca', 'aab', 'cab', 'ccc', 'bbaa', 'a']
const TOKENIZER = tokenizerOf(TOKENS, ['<eos>', '<special>'])
const CLASSES = ['[a-b]', '[^a]', '[c]', '[abé]', '[^é]', '[à-ÿ]']
const QUANTIFIERS = ['*', '+', '?', '{2}', '{1,3}', '{0,2}', '{2,}', '{3,9}']
/** Ways to read a text that the recogniser still follows quickly. */
const MOST_WAYS = 300

/** Random EBNF without left recursion. */
function randomGrammar(below: (count: number) => number): string {
  const names = ['root', 'x', 'y', 'z'].slice(0, 1 + below(4))
  const letter = () => JSON.stringify(LETTERS[below(LETTERS.length)])
  const expression = (depth: number, rule: number): string => {
    const inner = () => expression(depth - 1, rule)
    switch (below(depth > 0 ? 8 : 3)) {
      case 0:
        return letter()
      case 1:
        return CLASSES[below(CLASSES.length)]
      case 2:
        return `${letter()} ${letter()}`
      case 3:
        return `(${inner()} ${inner()})`
      case 4:
        return `(${inner()} | ${inner()}${below(5) === 0 ? ' | ""' : ''})`
      case 5:
        return `(${inner()})${QUANTIFIERS[below(QUANTIFIERS.length)]}`
      case 6: {
        const other = below(names.length)
        return other > rule ? names[other] : `(${letter()} ${names[other]}?)`
      }
      default:
        return `(${letter()} ${names[below(names.length)]}? ${letter()})`
    }
  }
  return names.map((name, rule) => `${name} ::= ${expression(3, rule)}`).join('\n')
}

/** Tokens that may follow a text, by the slow recogniser. */
function expected(recogniser: Recogniser, states: ReturnType<Recogniser['start']>): number[] {
  const ids = TOKENS.map((_, id) => id)
  const following = ids.filter((id) => id > SPECIAL && recogniser.after(states, TOKENS[id]).size > 0)
  return recogniser.isComplete(states) ? [EOS, ...following] : following
}

/** Compares masks of random grammars with the slow recogniser, token by token. Resolves with their number. */
export async function compareMasks(rounds: number, seed: number): Promise<number> {
  const random = seededRandom(seed)
  const below = (count: number) => Math.floor(random.nextFloat() * count)
  const guides = new GuideClient(TOKENIZER, TOKENS.length)
  let masks = 0
  for (let round = 0; round < rounds; round++) {
    const text = randomGrammar(below)
    const guide = await guides
      .open({ phases: [{ kind: 'grammar', grammar: { kind: 'ebnf', text } }] }, { eos: [EOS] })
      .catch((error) => assert.match(error.message, /no text satisfies|begins with itself/))
    if (!guide) continue
    const reader = new GuideReader(guide.memory, TOKENS.length)
    const recogniser = new Recogniser(readEbnf(text))
    let states = recogniser.start()
    let written = ''
    for (let length = 0; length < 12 && states.size < MOST_WAYS; length++) {
      const directive = reader.directive(20_000)
      const place = `${text}\nafter ${JSON.stringify(written)}`
      const follow = (token: number) => {
        states = recogniser.after(states, TOKENS[token])
        written += TOKENS[token]
      }
      if (directive?.kind === 'done') {
        assert.equal(expected(recogniser, states), [EOS], place)
        break
      }
      if (directive?.kind === 'forced') {
        for (const token of directive.tokens) {
          assert.equal(expected(recogniser, states), [token], place)
          follow(token)
        }
        reader.tell()
        continue
      }
      if (directive?.kind === 'failed' && messageText(directive.message).includes('too ambiguous')) break
      if (directive?.kind !== 'masked') throw new Error(`${place}: ${JSON.stringify(directive)}`)
      const allowed = allowedBy(directive.mask, TOKENS.length)
      assert.equal(allowed, expected(recogniser, states), place)
      masks++
      const token = allowed[below(allowed.length)]
      if (token === EOS) break
      follow(token)
      reader.tell(token)
    }
    guide.close()
  }
  await guides.close()
  return masks
}
