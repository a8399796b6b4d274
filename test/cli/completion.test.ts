import { execFile, spawnSync } from 'node:child_process'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { repositoryPath } from '../support/fixtures.js'
import { molm } from './molm.js'

const test = suite<{ folder: string }>('completion in a shell')
const run = promisify(execFile)

const isHere = (shell: string) => spawnSync(shell, ['--version']).status === 0
const inShell = (shell: string) => (isHere(shell) ? test : test.skip)

test.before(async (context) => {
  context.folder = await mkdtemp(join(tmpdir(), 'molm-completion-'))
  const command = join(context.folder, 'molm')
  await writeFile(command, `#!/bin/sh\nexec '${process.execPath}' '${repositoryPath('bin/molm.js')}' "$@"\n`)
  await chmod(command, 0o755)
  for (const shell of ['bash', 'zsh', 'fish']) {
    await writeFile(join(context.folder, `script.${shell}`), (await molm(['completion', shell])).stdout)
  }
})

test.after(({ folder }) => rm(folder, { recursive: true }))

/** Command lines up to the cursor, and the words offered there. */
const LINES: [line: string, offered: string[]][] = [
  ['molm cha', ['chat']],
  ['molm he', ['help']],
  ['molm help gra', ['graft']],
  ['molm show na', ['nano']],
  ['molm -m na', ['nano']],
  ['molm chat --quant q', ['q4', 'q8']],
  ['molm bench --format js', ['json', 'jsonl']],
  ['molm eval --detai', ['--details']],
  ['molm completion z', ['zsh']],
  ['molm --temperatu', ['--temperature']],
]

function environment(folder: string) {
  return { ...process.env, PATH: `${folder}:${process.env.PATH}`, MOLM_HOME: '/nonexistent', HOME: folder }
}

inShell('bash')('bash completes commands, options, their values and models', async ({ folder }) => {
  const script = `source ${join(folder, 'script.bash')}
while IFS= read -r line; do
  COMP_LINE=$line COMP_POINT=\${#line}
  _molm
  echo "\${COMPREPLY[*]}"
done`
  const child = run('bash', ['--norc', '-c', script], { env: environment(folder) })
  child.child.stdin?.end(LINES.map(([line]) => `${line}\n`).join(''))
  const lines = (await child).stdout.split('\n')
  for (const [i, [line, offered]] of LINES.entries()) assert.equal(lines[i].split(' ').sort(), offered, line)
})

inShell('bash')('bash offers GGUF files as models', async ({ folder }) => {
  for (const name of ['tiny-Q4_0.gguf', 'tiny model.gguf', 'tiny.txt']) await writeFile(join(folder, name), '')
  const script = `source ${join(folder, 'script.bash')}
COMP_LINE='molm chat -m tin' COMP_POINT=16
_molm
echo "\${COMPREPLY[*]}"`
  const { stdout } = await run('bash', ['--norc', '-c', script], { env: environment(folder), cwd: folder })
  assert.is(stdout, 'tiny-Q4_0.gguf\n')
})

inShell('bash')('bash replaces only the text after the colon of a packing', async ({ folder }) => {
  const script = `_molm_models() { echo 'acme/nano:q4 acme/nano:q8'; }
COMP_LINE='molm show acme/nano:q' COMP_POINT=21
_molm
echo "\${COMPREPLY[*]}"`
  const whole = `source ${join(folder, 'script.bash')}\n${script}`
  assert.is((await run('bash', ['--norc', '-c', whole], { env: environment(folder) })).stdout, 'q4 q8\n')
})

inShell('fish')('fish completes the same', async ({ folder }) => {
  const script = `source ${join(folder, 'script.fish')}; complete -C $argv[1]`
  for (const [line, offered] of LINES) {
    const { stdout } = await run('fish', ['--no-config', '-c', script, line], { env: environment(folder) })
    const words = stdout
      .trim()
      .split('\n')
      .map((word) => word.split('\t')[0])
    // fish also offers words that contain the letters.
    for (const word of offered) assert.ok(words.includes(word), `${line}: ${stdout}`)
  }
})

inShell('zsh')('zsh reads its script', async ({ folder }) => {
  const script = `compdef() { print "$@"; }; source ${join(folder, 'script.zsh')}; _describe() { print -l $commands; }
_arguments() { print -l -- "$@"; }; words=(molm ''); CURRENT=2; _molm; words=(molm chat --qu); CURRENT=3; _molm`
  const { stdout, stderr } = await run('zsh', ['-f', '-c', script], { env: environment(folder) })
  assert.is(stderr, '')
  assert.match(stdout, /^_molm molm\nrun:answer or complete one prompt/)
  assert.match(stdout, /\n\*--quant=\[.*\]:value:\(f32 q8 q4\)\n/)
})

test.run()
