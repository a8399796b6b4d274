import { openMailbox, threadData } from '../../ground/platform/threads.js'
import { type Expression, sequence, text } from './forms/expression.js'
import { expressionOf, named } from './forms/grammar-expression.js'
import type { PrepareReply, PrepareRequest, PrepareThreadData } from './protocol.js'
import { sharedGrammar } from './run/byte-grammar.js'
import { byteGrammarOf } from './run/read-expression.js'
import { failureOf, MarkedWork, type Marks } from './watched-thread.js'

/*
 * A thread that prepares grammars. It follows no guide, so that a grammar that takes long delays no running text.
 */

const { specials, marks } = threadData() as PrepareThreadData
const written = specialsIn(specials)
const mailbox = openMailbox<PrepareRequest, PrepareReply | Marks>()
const work = new MarkedWork(marks, mailbox.post)

mailbox.listen(({ id, grammars }) => {
  try {
    for (const grammar of grammars) mailbox.post({ id, words: work.run(id, () => prepared(grammar)) })
  } catch (error) {
    mailbox.post({ id, error: failureOf(error, 'the form of the text cannot be prepared') })
  }
})

/** Throws a UserError that names what is wrong with a grammar. */
function prepared(json: string): SharedArrayBuffer {
  const grammar = JSON.parse(json)
  const expression = expressionOf(grammar, written)
  const name = grammar.kind === 'schema' || grammar.kind === 'regex' ? grammar.kind : 'grammar'
  return named(name, () => sharedGrammar(byteGrammarOf(expression)))
}

/** Finds special tokens in texts, the longest first: a grammar keeps them apart from the same text in plain tokens. */
function specialsIn(specials: readonly string[]): (text: string) => Expression {
  const named = specials.map((name, special) => ({ name, special })).filter(({ name }) => name !== '')
  named.sort((a, b) => b.name.length - a.name.length)
  return (whole) => {
    const parts: Expression[] = []
    let begin = 0
    for (let at = 0; at < whole.length; ) {
      const found = named.find(({ name }) => whole.startsWith(name, at))
      if (!found) {
        at++
        continue
      }
      parts.push(text(whole.slice(begin, at)), { kind: 'special', special: found.special })
      at += found.name.length
      begin = at
    }
    return sequence(...parts, text(whole.slice(begin)))
  }
}
