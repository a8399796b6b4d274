import { readdirSync, readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { changedLines } from './support/changes.js'
import { repositoryPath } from './support/fixtures.js'
import { type Line, wordsOfDocument, wordsOfSource } from './support/written-words.js'

/*
 * Comments, messages and documents are written in plain English: a noun or a verb first, the active voice, one idea a
 * sentence. These patterns find what a reader has to read twice. Each has a budget for the uses that are right, such as a
 * `where` that means a place. A budget may fall and never rise.
 */
interface Rule {
  /** Advice for a line that the pattern finds. */
  instead: string
  pattern: RegExp
  /** Looks only at the beginning of a comment or paragraph. */
  onlyFirst?: true
  budget: number
}

const RULES: Record<string, Rule> = {
  'a title that is a clause': {
    instead: 'begin with a noun or a verb: "Response body", "Maps an error to its status"',
    pattern: /^(What|Who|Whoever|Whatever|Where|So (many|much|long|often))\b(?!.*\?)/,
    onlyFirst: true,
    budget: 4,
  },
  'where for if': { instead: 'if, when; `where` is for places', pattern: /\bwhere\b/i, budget: 1 },
  'told, tells': { instead: 'reports, says, prints', pattern: /\b(told|tells)\b/i, budget: 0 },
  'go on': { instead: 'continue, resume', pattern: /\b(go|goes|going|gone|went) on\b/i, budget: 0 },
  anew: { instead: 'again', pattern: /\banew\b/i, budget: 0 },
  'so many': { instead: 'the number itself', pattern: /\bso (many|much|often|long|few)\b/i, budget: 0 },
  'stands, lies': { instead: 'is', pattern: /\b(stands?|stood|lies?|lay|lain)\b/i, budget: 1 },
  'people for code': {
    instead: 'the caller, the client, the user',
    pattern: /\b(whoever|nobody|somebody|anybody|those who|he who|one who)\b/i,
    budget: 1,
  },
  'of which': { instead: 'two sentences', pattern: /\b(of|in|to|with|from|by) (which|whose|whom)\b/i, budget: 0 },
  'those of, that of': {
    instead: 'the noun itself: "options of the model", "its own map"',
    pattern: /\b(those (of|that|from)|that of|of its own)\b/i,
    budget: 70,
  },
  strangers: { instead: 'untrusted', pattern: /\bstrangers?\b/i, budget: 0 },
}

const SOURCES = ['src', 'assembly', 'bin', 'test', 'bench', 'scripts', 'examples', 'docs']
const DOCUMENTS = ['README.md', 'SECURITY.md', 'CHANGELOG.md', 'CONTRIBUTING.md']
/** It lists the words that it forbids. */
const SELF = 'test/language.test.ts'

const test = suite('the language')

function filesOf(folder: string): string[] {
  return readdirSync(repositoryPath(folder), { recursive: true, encoding: 'utf8' })
    .map((path) => `${folder}/${path.replaceAll('\\', '/')}`)
    .filter((path) => /\.(tsx?|mjs|js|md)$/.test(path) && !path.startsWith('test/fixtures/'))
    .sort()
}

function wordsOf(file: string): Line[] {
  const text = readFileSync(repositoryPath(file), 'utf8')
  return file.endsWith('.md') ? wordsOfDocument(text) : wordsOfSource(text)
}

test('comments, messages and prose are found, and code is not', () => {
  const source = `/** What it is. */\nconst told = 1 // where\nconst url = 'a://b'\nthrow new Error('is \${told} anew')\n`
  const lines = wordsOfSource(source).map(({ number, text }) => `${number} ${text}`)
  assert.equal(lines, ['1 What it is.', '2 where', '4 is {} anew'])
  const prose = wordsOfDocument('# Title\n\n```sh\ntold\n```\n- a `told` [link](where)\n')
  assert.equal(
    prose.map(({ text }) => text),
    ['Title', 'a `` [link]'],
  )
})

const files = [...SOURCES.flatMap(filesOf), ...DOCUMENTS].filter((file) => file !== SELF)
const isChanged = changedLines()
const words = files.flatMap((file) => wordsOf(file).map((line) => ({ file, ...line })))

for (const [name, { instead, pattern, onlyFirst, budget }] of Object.entries(RULES)) {
  test(`it says "${instead}" and not: ${name}`, () => {
    assert.ok(words.length > 10_000, 'comments and documents were found')
    const found = words
      .filter(({ text, isFirst }) => pattern.test(text) && (isFirst || !onlyFirst))
      .map(({ file, number, text }) => ({ changed: isChanged(file, number), place: `${file}:${number}: ${text}` }))
    const placesOf = (changed: boolean) =>
      found.filter((one) => one.changed === changed).map(({ place }) => `\n${place}`)
    const lists = `\nIn lines that main does not have:${placesOf(true).join('')}\nElsewhere:${placesOf(false).join('')}`
    const more = `${found.length} of ${budget} allowed; write ${instead}${lists}`
    assert.ok(found.length <= budget, more)
    // A budget that is larger than what there is would let the old habits back in.
    assert.is(budget, found.length, `lower the budget of "${name}" to ${found.length}`)
  })
}

test.run()
