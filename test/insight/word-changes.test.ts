import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type ComparedPart, changesSentence, wordChanges } from '#molm/insight/word-changes.js'

const test = suite('words that differ')

/** Parts that differ, in brackets. */
const marked = (parts: ComparedPart[]) => parts.map(({ text, differs }) => (differs ? `[${text}]` : text)).join('')

test('the words of the longest common subsequence are the same, the others differ', () => {
  const { before, after, words, changed } = wordChanges(
    'A lantern is a light that can be carried.',
    'A lantern is a small house that is carried.',
  )
  assert.is(marked(before), 'A lantern is a [light] that [can be] carried.')
  assert.is(marked(after), 'A lantern is a [small house] that [is] carried.')
  assert.equal([words, changed], [9, 3])
})

test('the parts of each text join to the text, blanks and line breaks included', () => {
  const [one, other] = ['  one\n\ntwo  three \n', 'one two\tfour five\n\n']
  const { before, after } = wordChanges(one, other)
  assert.is(before.map(({ text }) => text).join(''), one)
  assert.is(after.map(({ text }) => text).join(''), other)
  assert.is(marked(after), 'one two\t[four five]\n\n')
})

test('blanks alone make no difference', () => {
  assert.is(wordChanges('one two', ' one\n two ').changed, 0)
})

test('an answer that ends sooner differs by the words it lacks', () => {
  const { before, after, changed, words } = wordChanges('one two three four', 'one two')
  assert.equal([marked(before), marked(after)], ['one two [three four]', 'one two'])
  assert.equal([changed, words], [2, 4])
  assert.is(wordChanges('', 'one two').changed, 2)
})

test('each Chinese or Japanese character is a word', () => {
  const { after, words, changed } = wordChanges('灯火は明るい', '灯台は明るい')
  assert.is(marked(after), '灯[台]は明るい')
  assert.equal([words, changed], [6, 1])
})

test('texts that are too long to compare differ between their equal ends', () => {
  const long = (word: string) => `same ${`${word} `.repeat(5000)}same`
  const { changed, words, after } = wordChanges(long('one'), long('two'))
  assert.equal([changed, words], [5000, 5002])
  assert.is(after.length, 3)
})

test('one sentence counts the words that differ', () => {
  assert.is(changesSentence({ words: 41, changed: 7 }), '7 of 41 words differ')
  assert.is(changesSentence({ words: 41, changed: 0 }), 'all 41 words are the same')
  assert.is(changesSentence({ words: 9, changed: 1 }), '1 of 9 words differs')
  assert.is(changesSentence({ words: 1, changed: 1 }), '1 of 1 word differs')
})

test.run()
