import { spawnSync } from 'node:child_process'
import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { molm, parseLines } from '../cli/molm.js'
import { repositoryPath } from '../support/fixtures.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { object } from './cluster-objects.js'

/* The examples for clusters: objects of Kubernetes fit their schemas and one another, and the commands of jobs run. */

const test = suite('examples/cluster')

/** A folder with a small input, and commands that find `molm` there. */
function withWork(use: (folder: string, run: (script: string, env: object) => void) => Promise<void>): Promise<void> {
  return inTemporaryFolder(async (folder) => {
    const molm = join(folder, 'molm')
    await writeFile(molm, `#!/bin/sh\nexec "${process.execPath}" "${repositoryPath('bin/molm.js')}" "$@"\n`)
    await chmod(molm, 0o755)
    const lines = [1, 2, 3, 4, 5].map((n) => JSON.stringify({ prompt: `What is ${n} + ${n}?`, maxTokens: 4 }))
    await writeFile(join(folder, 'questions.jsonl'), `${lines.join('\n')}\n`)
    const path = `${folder}:${process.env.PATH}`
    await use(folder, (script, env) => {
      const options = { cwd: folder, env: { ...process.env, PATH: path, MOLM_HOME: '/nonexistent', ...env } }
      const { status, stderr } = spawnSync('/bin/sh', ['-c', script], { ...options, encoding: 'utf8' })
      assert.is(status, 0, stderr)
    })
  })
}

/** The answers of a file, without their random seeds. */
async function answersIn(folder: string, name: string): Promise<object[]> {
  return parseLines(await readFile(join(folder, name), 'utf8')).map(({ seed: _, request: __, ...answer }) => answer)
}

/** Checks that the files of two shards have the answers of one run. */
async function assertWhole(folder: string): Promise<void> {
  const [input, output] = [join(folder, 'questions.jsonl'), join(folder, 'one.jsonl')]
  const { code, stderr } = await molm(['run', '--batch', input, '-o', output, '-t', '1', '--temperature', '0'])
  assert.is(code, 0, stderr)
  const [[first, third, fifth], [second, fourth]] = [
    await answersIn(folder, 'answers.1.jsonl'),
    await answersIn(folder, 'answers.2.jsonl'),
  ]
  assert.equal([first, second, third, fourth, fifth], await answersIn(folder, 'one.jsonl'))
}

test('the indexed Job answers its shards', () =>
  withWork(async (folder, run) => {
    const { spec } = await object('batch-job', 'Job')
    const [container] = spec.template.spec.containers
    const given = Object.fromEntries(container.env.map(({ name, value }: Record<string, string>) => [name, value]))
    assert.is(Number(given.SHARDS), spec.completions)
    assert.ok(container.resources.requests.cpu === given.THREADS)
    const env = { ...given, SHARDS: '2', THREADS: '1', MODEL: 'nano', INPUT: 'questions.jsonl', OUTPUT: './answers' }
    const [shell, flag, script] = container.command
    assert.equal([shell, flag], ['/bin/sh', '-c'])
    for (const index of [0, 1]) run(script, { ...env, JOB_COMPLETION_INDEX: String(index) })
    await assertWhole(folder)
  }))

test('the Slurm array answers its shards, and resumes', () =>
  withWork(async (folder, run) => {
    const path = repositoryPath('examples/cluster/slurm-batch.sh')
    assert.is(spawnSync('bash', ['-n', path]).status, 0)
    const env = { MODEL: 'nano', INPUT: 'questions.jsonl', OUTPUT: 'answers', SHARDS: '2', SLURM_CPUS_PER_TASK: '1' }
    for (const id of ['2', '1', '2']) {
      run(`bash "${path}"`, { ...env, SLURM_ARRAY_TASK_ID: id, SLURM_ARRAY_TASK_COUNT: '1' })
    }
    await assertWhole(folder)
  }))

test.run()
