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

function tableOf(tallies: Tally[]): string {
  const heads = ['format', 'inputs', 'accepted', 'refused', 'faults', 'a second']
  const rows = tallies.map((tally) => {
    const { format, accepted, refused, failures, seconds } = tally
    return [format, triedOf(tally), accepted, refused, failures.length, Math.round(triedOf(tally) / seconds)]
  })
  return [heads, ...rows]
    .map(([name, ...numbers]) => String(name).padEnd(20) + numbers.map((n) => String(n).padStart(10)).join(''))
    .join('\n')
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
