import { spawnSync } from 'node:child_process'
import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseAllDocuments } from 'yaml'
import { LIMITS } from '#molm/server/common/limits.js'
import { listen } from '#molm/server/listen.js'
import { molm } from '../cli/molm.js'
import { fixturePath, repositoryPath } from '../support/fixtures.js'
import { checkKubernetesObject } from '../support/kubernetes-schema.js'
import { withModel } from '../support/models.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

/* The examples for clusters: objects of Kubernetes fit their schemas and one another, and the commands of jobs run. */

const test = suite('examples/cluster')

// biome-ignore lint/suspicious/noExplicitAny: objects of many kinds, which the schemas check.
type KubernetesObject = any

const MANIFESTS = ['volumes', 'batch-job', 'join-job', 'serve', 'autoscale', 'gateway']

async function objectsOf(name: string): Promise<KubernetesObject[]> {
  const text = await readFile(repositoryPath(`examples/cluster/${name}.yaml`), 'utf8')
  return parseAllDocuments(text).map((document) => {
    assert.equal(document.errors, [])
    return document.toJS()
  })
}

async function object(name: string, kind: string): Promise<KubernetesObject> {
  const found = (await objectsOf(name)).filter((one) => one.kind === kind)
  assert.is(found.length, 1, `${kind} in ${name}`)
  return found[0]
}

for (const name of MANIFESTS) {
  test(`${name}.yaml fits the schemas of Kubernetes and of the operators`, async () => {
    for (const one of await objectsOf(name)) checkKubernetesObject(one)
  })
}

test('the check against the schemas finds a misspelled field and a wrong type', async () => {
  const changed = async (change: (spec: KubernetesObject) => void) => {
    const job = await object('batch-job', 'Job')
    change(job.spec)
    return () => checkKubernetesObject(job)
  }
  assert.throws(await changed((spec) => Object.assign(spec, { completionmode: 'Indexed' })), /completionmode/)
  assert.throws(await changed((spec) => Object.assign(spec, { completions: '16' })), /completions/)
  assert.throws(await changed((spec) => Object.assign(spec.template.spec.containers[0], { img: 'a' })), /img/)
})

test('the Service, the budget, the monitor, the scaler and the routes name what is there', async () => {
  const deployment = await object('serve', 'Deployment')
  const { labels } = deployment.spec.template.metadata
  const [container] = deployment.spec.template.spec.containers
  assert.equal(deployment.spec.selector.matchLabels, labels)
  assert.equal((await object('serve', 'PodDisruptionBudget')).spec.selector.matchLabels, labels)
  const service = await object('serve', 'Service')
  assert.equal(service.spec.selector, labels)
  const monitor = await object('autoscale', 'PodMonitor')
  assert.equal(monitor.spec.selector.matchLabels, labels)
  const ports = container.ports.map(({ name }: { name: string }) => name)
  const named = [container.startupProbe, container.readinessProbe, container.livenessProbe].map(
    ({ httpGet }) => httpGet.port,
  )
  const [endpoint] = monitor.spec.podMetricsEndpoints
  for (const port of [...named, service.spec.ports[0].targetPort, endpoint.port]) assert.ok(ports.includes(port), port)
  assert.equal(endpoint.authorization.credentials, container.env[0].valueFrom.secretKeyRef)
  assert.is((await object('autoscale', 'ScaledObject')).spec.scaleTargetRef.name, deployment.metadata.name)
  const route = await object('gateway', 'HTTPRoute')
  assert.is(route.spec.parentRefs[0].name, (await object('gateway', 'Gateway')).metadata.name)
  assert.equal(route.spec.rules[0].backendRefs, [{ name: service.metadata.name, port: service.spec.ports[0].port }])
  for (const kind of ['BackendTrafficPolicy', 'ClientTrafficPolicy']) {
    const [target] = (await object('gateway', kind)).spec.targetRefs
    assert.is((await object('gateway', target.kind)).metadata.name, target.name)
  }
  const claims = (await objectsOf('volumes')).filter(({ kind }) => kind === 'PersistentVolumeClaim')
  const claimNames = claims.map(({ metadata }) => metadata.name)
  for (const [file, kind] of [
    ['serve', 'Deployment'],
    ['batch-job', 'Job'],
    ['join-job', 'Job'],
    ['volumes', 'Job'],
  ]) {
    const { volumes, containers } = (await object(file, kind)).spec.template.spec
    for (const { persistentVolumeClaim } of volumes) assert.ok(claimNames.includes(persistentVolumeClaim.claimName))
    const names = volumes.map(({ name }: { name: string }) => name)
    for (const { name } of containers[0].volumeMounts) assert.ok(names.includes(name), `${file}: ${name}`)
  }
})

test('the time that a Pod gets to end covers preStop and the drain of the server', async () => {
  const { terminationGracePeriodSeconds, containers } = (await object('serve', 'Deployment')).spec.template.spec
  const [sleep, seconds] = containers[0].lifecycle.preStop.exec.command
  assert.is(sleep, 'sleep')
  assert.ok(terminationGracePeriodSeconds >= Number(seconds) + LIMITS.drainMs / 1000 + 2)
})

test('the autoscaler asks for metrics that the server has', async () => {
  const [trigger] = (await object('autoscale', 'ScaledObject')).spec.triggers
  const { args } = (await object('serve', 'Deployment')).spec.template.spec.containers[0]
  assert.ok(Number(trigger.metadata.threshold) < Number(args[args.indexOf('--parallel') + 1]))
  const names = trigger.metadata.query.match(/molm_\w+/g)
  assert.ok(names.length > 1)
  await withModel(fixturePath('01-base-bin-f32'), { threads: 1 }, async (model) => {
    const server = await listen({ port: 0 })
    try {
      server.open(model)
      const metrics = await (await fetch(`${server.url}/metrics`)).text()
      for (const name of names) assert.match(metrics, new RegExp(`^${name}(\\{.*\\})? \\d`, 'm'))
    } finally {
      await server.close()
    }
  })
})

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

/** Answers all lines in one run. */
async function answerWhole(folder: string): Promise<void> {
  const [input, output] = [join(folder, 'questions.jsonl'), join(folder, 'one.jsonl')]
  const { code, stderr } = await molm(['run', '--batch', input, '-o', output, '-t', '1', '--temperature', '0'])
  assert.is(code, 0, stderr)
}

/** The answers of a file, without their random seeds. */
async function answersIn(folder: string, name: string): Promise<object[]> {
  const text = await readFile(join(folder, name), 'utf8')
  return text
    .trimEnd()
    .split('\n')
    .map((line) => {
      const { seed: _, request: __, ...answer } = JSON.parse(line)
      return answer
    })
}

test('the indexed Job answers its shards, and the other Job joins them', () =>
  withWork(async (folder, run) => {
    const { spec } = await object('batch-job', 'Job')
    const joining = (await object('join-job', 'Job')).spec.template.spec.containers[0]
    const [container] = spec.template.spec.containers
    const given = Object.fromEntries(container.env.map(({ name, value }: Record<string, string>) => [name, value]))
    assert.is(Number(given.SHARDS), spec.completions)
    assert.ok(container.resources.requests.cpu === given.THREADS)
    assert.is(given.OUTPUT, joining.env[0].value)
    const env = { ...given, SHARDS: '2', THREADS: '1', MODEL: 'nano', INPUT: 'questions.jsonl', OUTPUT: './answers' }
    const [shell, flag, script] = container.command
    assert.equal([shell, flag], ['/bin/sh', '-c'])
    for (const index of [0, 1]) run(script, { ...env, JOB_COMPLETION_INDEX: String(index) })
    run(joining.command[2], { OUTPUT: './answers' })
    await answerWhole(folder)
    assert.equal(await answersIn(folder, 'answers.jsonl'), await answersIn(folder, 'one.jsonl'))
  }))

/** Path of a Slurm script, and the commands that its comment gives for the join. */
async function slurm(name: string) {
  const path = repositoryPath(`examples/cluster/${name}`)
  const text = await readFile(path, 'utf8')
  assert.is(spawnSync('bash', ['-n', path]).status, 0)
  return { script: `bash "${path}"`, join: /--wrap '(.+)'$/m.exec(text)?.[1] ?? '' }
}

test('the Slurm array answers its shards, resumes, and is joined as its comment says', () =>
  withWork(async (folder, run) => {
    const { script, join: joining } = await slurm('slurm-batch.sh')
    const env = { MODEL: 'nano', INPUT: 'questions.jsonl', OUTPUT: 'answers', SHARDS: '2', SLURM_CPUS_PER_TASK: '1' }
    for (const id of ['2', '1', '2']) run(script, { ...env, SLURM_ARRAY_TASK_ID: id, SLURM_ARRAY_TASK_COUNT: '1' })
    run(joining, env)
    await answerWhole(folder)
    assert.equal(await answersIn(folder, 'answers.jsonl'), await answersIn(folder, 'one.jsonl'))
  }))

test('the Slurm array of an evaluation is joined to the bytes of one run', () =>
  withWork(async (folder, run) => {
    const { script, join: joining } = await slurm('slurm-eval.sh')
    await writeFile(join(folder, 'book.txt'), 'User: What is tea?\nAssistant: Tea is a drink.\n'.repeat(60))
    const task = { context: 'The lantern is', choices: ['lit', 'xqzv'], answer: 0 }
    await writeFile(join(folder, 'task.jsonl'), `${JSON.stringify(task)}\n`.repeat(3))
    const env = { MODEL: 'nano', TEXT: 'book.txt', TASK: 'task.jsonl', OUTPUT: 'scores', SHARDS: '2' }
    for (const id of ['1', '2']) run(script, { ...env, SLURM_ARRAY_TASK_ID: id, SLURM_CPUS_PER_TASK: '1' })
    run(joining, env)
    run('molm eval -m nano -t 1 --text book.txt --task task.jsonl --json > one.json', {})
    assert.is(await readFile(join(folder, 'scores.json'), 'utf8'), await readFile(join(folder, 'one.json'), 'utf8'))
  }))

test.run()
