import { readFile, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import type { Failure, Tally } from './supervisor.js'

/** Result of a run. */
export interface Result {
  seed: number
  minutes: number
  tallies: Tally[]
}

export function printFailure({ format, case: index, fault, notes, input }: Failure): void {
  note(`\n${format}, case ${index}: ${fault}`)
  for (const text of notes) note(`  ${text}`)
  note(`  input: ${input}`)
}

/** Prints the table, and last the line that .ci/run counts. Returns whether all formats passed. */
export function printResult(result: Result): boolean {
  const { seed, minutes, tallies } = result
  const failed = tallies.filter(({ failures }) => failures.length > 0)
  process.stdout.write(`\n${tableOf(tallies)}\n\n`)
  for (const { format, failures } of failed) {
    note(`again: npm run fuzz -- --seed ${seed} --only ${format} --case ${failures[0].case}`)
  }
  note(`${allTried(tallies)} inputs in ${minutes.toFixed(1)} minutes, seed ${seed}`)
  note(`fuzzing: ${tallies.length - failed.length} passed, ${failed.length} failed`)
  return failed.length === 0
}

const [BEGIN, END] = ['<!-- the last long run -->', '<!-- end of the last long run -->']

/** Writes the figures into a page, between two markers. */
export async function recordIn(page: URL, { seed, minutes, tallies }: Result): Promise<void> {
  const text = await readFile(page, 'utf8')
  const faults = tallies.reduce((sum, { failures }) => sum + failures.length, 0)
  const where = `Node ${process.versions.node}, ${cpus().length} cores of ${cpus()[0]?.model ?? 'an unknown processor'}`
  const what = `${allTried(tallies).toLocaleString('en')} inputs in ${Math.round(minutes)} minutes with seed ${seed}`
  const sum = `${what} (${where}): ${faults} faults.`
  const [before, rest] = text.split(BEGIN)
  const [, after] = rest.split(END)
  await writeFile(page, `${before}${BEGIN}\n${sum}\n\n${markdownOf(tallies)}\n${END}${after}`)
}

function tableOf(tallies: Tally[]): string {
  const heads = ['format', 'inputs', 'accepted', 'refused', 'faults', 'a second']
  const rows = tallies.map((tally) => [...rowOf(tally), Math.round(triedOf(tally) / tally.seconds)])
  return [heads, ...rows]
    .map(([name, ...numbers]) => String(name).padEnd(20) + numbers.map((n) => String(n).padStart(10)).join(''))
    .join('\n')
}

function markdownOf(tallies: Tally[]): string {
  const rows = tallies.map((tally) => rowOf(tally).map((value) => value.toLocaleString('en')))
  return [['format', 'inputs', 'accepted', 'refused', 'faults'], ['---', '--:', '--:', '--:', '--:'], ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n')
}

function rowOf(tally: Tally): (string | number)[] {
  return [tally.format, triedOf(tally), tally.accepted, tally.refused, tally.failures.length]
}

function triedOf({ accepted, refused, failures }: Tally): number {
  return accepted + refused + failures.length
}

function allTried(tallies: Tally[]): number {
  return tallies.reduce((sum, tally) => sum + triedOf(tally), 0)
}

export function note(text: string): void {
  process.stderr.write(`${text}\n`)
}
