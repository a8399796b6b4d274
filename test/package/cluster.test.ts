import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { LIMITS } from '#molm/server/common/limits.js'
import { listen } from '#molm/server/listen.js'
import { fixturePath } from '../support/fixtures.js'
import { checkKubernetesObject } from '../support/kubernetes-schema.js'
import { withModel } from '../support/models.js'
import { type KubernetesObject, object, objectsOf } from './cluster-objects.js'

/* The examples for clusters: objects of Kubernetes fit their schemas and one another, and the commands of jobs run. */

const test = suite('examples/cluster')

const MANIFESTS = ['volumes', 'batch-job', 'serve', 'autoscale', 'gateway']

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
  for (const [file, kind] of Object.entries({ serve: 'Deployment', 'batch-job': 'Job', volumes: 'Job' })) {
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

test.run()
