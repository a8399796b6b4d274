// npm run fuzz -- --help
import { mkdtempSync, readFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { randomSeed } from '#molm/engine/sampling/random.js'
import type { Format } from './format.js'
import { FORMATS } from './formats.js'
import { note, printFailure, printResult } from './report.js'
import { DEFAULT_SECONDS, keptAs, type Plan, type Stretch, supervise } from './supervisor.js'
import { runWatched } from './watched-child.js'

const HELP = `Reads sound and damaged inputs of every format, and checks that molm accepts or refuses each one properly.

npm run fuzz -- [options]
  --seed N         the same seed gives the same inputs (default: random)
  --inputs N       at least N inputs in total (default: one round, about a minute on two cores)
  --minutes M      stops after M minutes; without --inputs it runs until then
  --only FORMAT    only this format; can be repeated
  --case K         only this case of a single format; keeps its input
  --jobs N         number of processes (default: one per core)

Formats: ${Object.keys(FORMATS).join(', ')}
`

const TABLE = new URL('formats.js', import.meta.url).href

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: {
      ...{
        seed: { type: 'string' },
        inputs: { type: 'string' },
        minutes: { type: 'string' },
        jobs: { type: 'string' },
      },
      ...{ only: { type: 'string', multiple: true }, case: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    },
  })
  if (values.help) {
    process.stdout.write(HELP)
    return true
  }
  const started = Date.now()
  const seed = numberOf(values, 'seed') ?? randomSeed()
  const minutes = numberOf(values, 'minutes')
  const plan: Plan = {
    table: TABLE,
    seed,
    jobs: numberOf(values, 'jobs') ?? availableParallelism(),
    deadline: minutes === undefined ? undefined : started + minutes * 60_000,
    keepIn: mkdtempSync(join(tmpdir(), 'molm-fuzz-kept-')),
    onFailure: printFailure,
  }
  const formats = await formatsOf(values.only)
  const one = numberOf(values, 'case')
  if (one !== undefined) return readOne(formats, one, plan)

  note(`seed ${seed}`)
  const round = formats.reduce((sum, { inputs }) => sum + inputs, 0)
  const inputs = numberOf(values, 'inputs') ?? (minutes === undefined ? round : Infinity)
  const tallies = await supervise(plan, stretchesOf(formats, inputs / round))
  const result = { seed, minutes: (Date.now() - started) / 60_000, tallies }
  return printResult(result)
}

/** The requested formats by name, or all of them. */
async function formatsOf(names = Object.keys(FORMATS)): Promise<Format[]> {
  const unknown = names.find((name) => !Object.hasOwn(FORMATS, name))
  if (unknown !== undefined) throw new Error(`no format is called '${unknown}'; see --help`)
  return Promise.all(names.map((name) => FORMATS[name]()))
}

/** Yields `rounds` rounds of every format. The last one is shorter if the number is not whole. */
function* stretchesOf(formats: Format[], rounds: number): Generator<Stretch> {
  for (let round = 0; round < rounds; round++) {
    const share = Math.min(1, rounds - round)
    for (const format of formats) {
      const from = round * format.inputs
      yield { format, from, to: from + Math.ceil(format.inputs * share) }
    }
  }
}

/** Reads one case, prints the notes on its input, and keeps the input. */
async function readOne(formats: Format[], index: number, plan: Plan): Promise<boolean> {
  if (formats.length !== 1) throw new Error('--case needs the format too: --only FORMAT')
  const [{ name, seconds = DEFAULT_SECONDS }] = formats
  const keep = keptAs(plan, name, index)
  const job = { table: TABLE, format: name, seed: plan.seed, from: index, to: index + 1, keep }
  const { accepted, faults } = await runWatched(job, { seconds, isFair: true })
  note(`${readFileSync(`${keep}.txt`, 'utf8') || 'sound'}\ninput: ${keep}`)
  note(faults[0]?.fault ?? (accepted > 0 ? 'accepted' : 'refused'))
  return faults.length === 0
}

function numberOf(values: Record<string, unknown>, name: string): number | undefined {
  if (values[name] === undefined) return undefined
  const value = Number(values[name])
  if (value >= 0) return value
  throw new Error(`--${name} must be a number`)
}

try {
  process.exitCode = (await main()) ? 0 : 1
} catch (error) {
  note(error instanceof Error ? error.message : String(error))
  process.exitCode = 2
}
