// Writes test/budgets.json: the most lines that each house, all of src and all tests may have, in steps of 100. Run it
// when test/budgets.test.ts asks for it, and after a merge with a conflict in that file.
//
// The totals `src` and `test` may only fall. If a change is worth more lines than it takes away, the commit that raises a
// total says in its body what pays for them, in a line that begins with `Paid by:`.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Lines of a step. Numbers to the line would conflict between any two branches. */
export const STEP = 100

const repositoryPath = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url))

/** Lines of TypeScript, CSS and HTML by house, and of all src and test. Fixtures do not count. */
export function countLines() {
  const src = linesIn('src')
  const houses = {}
  for (const [path, lines] of src) {
    const house = path.split('/')[0].replace(/\.tsx?$/, '')
    houses[house] = (houses[house] ?? 0) + lines
  }
  const sum = (files) => files.reduce((sum, [, lines]) => sum + lines, 0)
  return { houses, src: sum(src), test: sum(linesIn('test')) }
}

function linesIn(folder) {
  return readdirSync(repositoryPath(folder), { recursive: true, encoding: 'utf8' })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => /\.(tsx?|css|html)$/.test(path) && !path.startsWith('fixtures/'))
    .sort()
    .map((path) => [path, readFileSync(repositoryPath(`${folder}/${path}`), 'utf8').split('\n').length - 1])
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { houses, src, test } = countLines()
  const rounded = (lines) => Math.ceil(lines / STEP) * STEP
  const steps = Object.fromEntries(Object.entries(houses).map(([house, lines]) => [house, rounded(lines)]))
  const budgets = { src: rounded(src), test: rounded(test), houses: steps }
  writeFileSync(repositoryPath('test/budgets.json'), `${JSON.stringify(budgets, undefined, 2)}\n`)
  console.log('A commit that raises `src` or `test` needs a line in its body, "Paid by: ..."')
}
