import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { branchStart, git } from './support/changes.js'
import { repositoryPath } from './support/fixtures.js'

/** Lines of the houses, of all src and of all tests. */
interface Lines {
  src: number
  test: number
  houses: Record<string, number>
}

const FILE = 'test/budgets.json'
const SCRIPT = 'scripts/write-budgets.mjs'

const { countLines, STEP }: { countLines: () => Lines; STEP: number } = await import(
  new URL(SCRIPT, new URL('../../', import.meta.url)).href
)
const budgets: Lines = JSON.parse(readFileSync(repositoryPath(FILE), 'utf8'))

test('no house, nor all together, has more lines than its budget, or more than a step less', () => {
  const counted = countLines()
  const names = Object.keys(counted.houses)
  assert.equal(Object.keys(budgets.houses).sort(), names.sort(), `run node ${SCRIPT}`)
  const rows = names.map((house) => [house, counted.houses[house], budgets.houses[house]] as const)
  const totals = (['src', 'test'] as const).map((total) => [`all of ${total}`, counted[total], budgets[total]] as const)
  const wrong = [...rows, ...totals]
    .filter(([, lines, budget]) => lines > budget || lines <= budget - 2 * STEP)
    .map(([name, lines, budget]) => `${name}: ${lines} lines, and the budget is ${budget}`)
  assert.equal(wrong, [], `take lines away, or run node ${SCRIPT}, which says when a budget may rise`)
})

test('a commit of this branch that raises a total says what pays for it', () => {
  const start = branchStart()
  const commits = git('log', '--no-merges', '--format=%h', `${start}..HEAD`, '--', FILE)?.match(/\w+/g) ?? []
  const unpaid = commits.filter((commit) => {
    const [before, after] = [`${commit}^`, commit].map((at) => git('show', `${at}:${FILE}`))
    if (before === undefined || after === undefined) return false
    const [was, is]: Lines[] = [before, after].map((text) => JSON.parse(text))
    if (is.src <= was.src && is.test <= was.test) return false
    return !/^Paid by: \S/m.test(git('show', '--no-patch', '--format=%b', commit) ?? '')
  })
  assert.equal(
    unpaid,
    [],
    'add a line "Paid by: ..." to the body: what the change takes away, or why it is worth its lines',
  )
})

test.run()
