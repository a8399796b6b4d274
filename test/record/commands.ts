import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { useAtOnce } from './at-once.js'
import { BATCH_LINES } from './commands/batch-lines.js'
import { HELP_LINES, MODEL_LINES } from './commands/model-lines.js'
import { RUN_LINES } from './commands/run-lines.js'
import { SERVER, writeInputs } from './inputs.js'
import { normalisePrinted } from './printed.js'
import type { RecordOptions } from './record.js'

/** Lines for a shell by the name of their record. Those of one record run one after another, in a folder of their own. */
export type CommandLines = Record<string, string | string[]>

/** Variables of the recorder that the commands get, too. All others could change what they print. */
const KEPT_VARIABLES = ['PATH', 'TMPDIR', 'SystemRoot']

/** Records what command lines print and write, a file for each record. */
export async function recordCommands(options: RecordOptions): Promise<void> {
  const { molm, folder, work, jobs } = options
  const bin = join(work, 'bin')
  await mkdir(bin, { recursive: true })
  await writeFile(join(bin, 'molm'), `#!/bin/sh\nexec '${process.execPath}' '${molm}' "$@"\n`, { mode: 0o755 })
  await writeInputs(work)
  const records = Object.entries({ ...RUN_LINES, ...BATCH_LINES, ...MODEL_LINES, ...HELP_LINES })
  await useAtOnce(records, jobs, async ([name, lines]) => {
    const text = await recordOf(join(work, 'runs', name), work, [lines].flat())
    await writeFile(join(folder, 'commands', `${name}.txt`), normalisePrinted(text, options))
  })
}

/** Runs lines in a new folder. Returns each with its output and exit code, and then the files that they wrote. */
async function recordOf(folder: string, work: string, lines: readonly string[]): Promise<string> {
  await mkdir(folder, { recursive: true })
  for (const name of ['in', 'models']) await symlink(join(work, name), join(folder, name))
  const sections: string[] = []
  for (const line of lines) {
    const { code, stdout, stderr } = await runLine(line, folder, join(work, 'bin'))
    sections.push(`$ ${line}\n`)
    if (stdout !== '') sections.push(`--- stdout\n${whole(stdout)}`)
    if (stderr !== '') sections.push(`--- stderr\n${whole(stderr)}`)
    sections.push(`--- exit code ${code}\n\n`)
  }
  for (const path of await filesIn(folder)) {
    sections.push(`=== ${path}\n${whole(shown(await readFile(join(folder, path))))}`)
  }
  return sections.join('')
}

async function runLine(line: string, cwd: string, bin: string) {
  const kept = KEPT_VARIABLES.map((name) => [name, process.env[name]]).filter(([, value]) => value !== undefined)
  const env = {
    ...Object.fromEntries(kept),
    ...{ PATH: `${bin}${delimiter}${process.env.PATH}`, SERVER },
    ...{ HOME: join(cwd, 'user'), MOLM_HOME: join(cwd, 'home'), TZ: 'UTC', LANG: 'C.UTF-8', HF_HUB_OFFLINE: '1' },
  }
  const child = spawn('sh', ['-c', line], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const printed = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      printed[name] += text
    })
  }
  const [code] = await once(child, 'close')
  return { code, ...printed }
}

/** Paths of the files in a folder, in order; those behind links are left out. */
async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile())
  return files.map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1)).sort()
}

/** A text as it is, and the size and hash of other contents. */
function shown(contents: Buffer): string {
  const text = contents.toString('utf8')
  const isText = !text.includes('\0') && Buffer.from(text).equals(contents)
  return isText ? text : `${contents.length} bytes, sha256 ${createHash('sha256').update(contents).digest('hex')}`
}

/** A text whose last line ends; the sign says that the end was added. */
function whole(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}⏎\n`
}
