// Records what a build answers to the same requests, a file for each. `diff -r` of two recordings shows what a change
// changes:
//
//   node build/test/record/record.js FOLDER [--molm PATH/bin/molm.js] [--only http|commands|screens] [--jobs 2]
import { access, mkdir, mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { repositoryPath } from '../support/fixtures.js'
import { recordCommands } from './commands.js'
import { recordHttp } from './http.js'
import { recordScreens } from './screens.js'

export interface RecordOptions {
  /** The program to record. */
  molm: string
  /** Folder of the records. */
  folder: string
  /** Temporary folder for models and homes. */
  work: string
  /** Programs that run at once. */
  jobs: number
}

const PARTS: Record<string, (options: RecordOptions) => Promise<void>> = {
  http: recordHttp,
  commands: recordCommands,
  screens: recordScreens,
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    molm: { type: 'string', default: repositoryPath('bin/molm.js') },
    only: { type: 'string' },
    jobs: { type: 'string', default: '2' },
  },
})
const [folder] = positionals
const { only } = values
const jobs = Number(values.jobs)
if (folder === undefined || positionals.length > 1) throw new Error('give one folder for the records')
if (only !== undefined && !Object.hasOwn(PARTS, only)) throw new Error(`--only ${Object.keys(PARTS).join('|')}`)
if (!(Number.isInteger(jobs) && jobs > 0)) throw new Error('--jobs must be a whole number from 1 on')

await access(values.molm)

const parts = Object.entries(PARTS).filter(([name]) => only === undefined || name === only)
for (const [name, record] of parts) {
  const work = await realpath(await mkdtemp(join(tmpdir(), 'molm-record-')))
  try {
    await mkdir(folder, { recursive: true })
    // Fails if it exists: a record that is no longer made would be taken for one of this build.
    await mkdir(join(folder, name))
    await record({ molm: resolve(values.molm), folder: resolve(folder), work, jobs })
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}
