import { execFile, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
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
  ['molm show na', ['nano']],
  ['molm chat --quant q', ['q4', 'q8']],
  ['molm --temperatu', ['--temperature']],
]
const MORE_LINES: typeof LINES = [
  ['molm he', ['help']],
  ['molm --json lis', ['list']],
  ['molm help gra', ['graft']],
  ['molm -m na', ['nano']],
  ['molm chat --quant=q', ['--quant=q8', '--quant=q4']],
  ['molm bench --format js', ['json', 'jsonl']],
  ['molm eval --detai', ['--details']],
  ['molm completion z', ['zsh']],
  ['molm run --promp', ['--prompt-lookup-num-tokens', '--prompt-cache']],
  ['molm run --system a', []],
]

function environment(folder: string) {
  return { ...process.env, PATH: `${folder}:${process.env.PATH}`, MOLM_HOME: '/nonexistent', HOME: folder }
}

test('molm offers commands, options, their values and models', async () => {
  for (const [line, offered] of MORE_LINES) {
    const words = line.split(' ').slice(1)
    const { stdout } = await molm(['complete', '--', ...words])
    const found = stdout.split('\n').map((line) => line.split('\t')[0])
    assert.equal(
      found.filter((word) => word.startsWith(words[words.length - 1]) && word !== ''),
      offered,
      line,
    )
  }
})

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

inShell('bash')(
  'bash replaces only the text after the colon of a packing or the sign of a value',
  async ({ folder }) => {
    const script = `source ${join(folder, 'script.bash')}
molm() { printf '%s\\tA model.\\n' acme/nano:q4 --model=acme/nano:q8 'acme/nano:q 4'; }
for COMP_LINE in 'molm show acme/nano:q' 'molm chat --model=acme/nano:q'; do
  COMP_POINT=\${#COMP_LINE}
  _molm
  echo "\${COMPREPLY[*]}"
done`
    assert.is((await run('bash', ['--norc', '-c', script], { env: environment(folder) })).stdout, 'q4\nq8\n')
  },
)

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

inShell('zsh')('zsh offers the same, with descriptions, and else files', async ({ folder }) => {
  await mkdir(join(folder, 'texts', 'old'), { recursive: true })
  const script = `compdef() { print "$@"; }
source ${join(folder, 'script.zsh')}
_describe() { print -l -- \${(P)4}; }
_files() { print files; }
compadd() { print -l -- \${(P)4}; }
offer() { words=("$@"); CURRENT=$#; PREFIX=$words[-1]; print "> $*"; _molm; }
offer molm ''
offer molm chat --quant ''
offer molm chat --quant=
offer molm show texts/
offer molm chat -f ''`
  const { stdout, stderr } = await run('zsh', ['-f', '-c', script], { env: environment(folder), cwd: folder })
  assert.is(stderr, '')
  const [head, ...shown] = stdout.split('\n> ').map((lines) => lines.trimEnd().split('\n'))
  assert.equal(head, ['_molm molm'])
  assert.is(shown[0][1], 'run:answer or complete one prompt (the default)')
  assert.equal(shown.slice(1), [
    ['molm chat --quant ', 'f32', 'q8', 'q4'],
    ['molm chat --quant=', '--quant=f32', '--quant=q8', '--quant=q4'],
    ['molm show texts/', 'nano', 'texts/old/'],
    ['molm chat -f ', 'files'],
  ])
})

test('a completion loads no engine and starts no thread', async ({ folder }) => {
  const coverage = join(folder, 'coverage')
  const env = { ...environment(folder), NODE_V8_COVERAGE: coverage }
  const { stdout } = await run(process.execPath, [repositoryPath('bin/molm.js'), 'complete', '--', '-m', ''], { env })
  assert.match(stdout, /^nano\t$/m)
  // A file for each thread.
  const [scripts, ...others] = await readdir(coverage)
  assert.equal(others, [])
  const { result } = JSON.parse(await readFile(join(coverage, scripts), 'utf8'))
  const files = result.map(({ url }: { url: string }) => url).filter((url: string) => url.includes('/dist/bundle/'))
  const code = files.map((url: string) => readFileSync(fileURLToPath(url), 'utf8')).join('')
  // The bundle names the module before its code.
  assert.match(code, '// dist/library/installed-models.js\n')
  assert.not.match(code, /\/\/ dist\/(engine\/run\/(engine|worker)|library\/load-model)\.js\n/)
})

test.run()
