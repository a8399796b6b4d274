import { UserError } from '../errors.js'
import { openMailbox, threadData } from '../platform/threads.js'
import { expressionOf } from './forms/grammar-expression.js'
import { specialsIn } from './forms/special-texts.js'
import type { PrepareReply, PrepareRequest, PrepareThreadData } from './protocol.js'
import { wordsOfGrammar } from './run/grammar-words.js'
import { byteGrammarOf } from './run/read-expression.js'
import { MarkedWork } from './work-marks.js'

/*
 * A thread that prepares grammars. It follows no guide, so that a grammar that takes long delays no running text.
 */

const { specials, marks } = threadData() as PrepareThreadData
const written = specialsIn(specials)
const work = new MarkedWork(marks)
const mailbox = openMailbox<PrepareRequest, PrepareReply>()

mailbox.listen(({ id, grammar }) => {
  try {
    mailbox.post({ id, words: work.run(id, () => prepared(grammar)) })
  } catch (error) {
    mailbox.post({ id, error: messageOf(error) })
  }
})

/** Throws a UserError that names what is wrong with a grammar. */
function prepared(json: string): SharedArrayBuffer {
  const grammar = JSON.parse(json)
  const expression = expressionOf(grammar, written)
  try {
    return wordsOfGrammar(byteGrammarOf(expression))
  } catch (error) {
    const name = grammar.kind === 'schema' || grammar.kind === 'regex' ? grammar.kind : 'grammar'
    throw error instanceof UserError ? new UserError(`${name}: ${error.message}`) : error
  }
}

function messageOf(error: unknown): string {
  if (error instanceof UserError) return error.message
  return `the form of the text cannot be prepared: ${error instanceof Error ? error.message : String(error)}`
}
