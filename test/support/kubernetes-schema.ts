import { ScaledObject } from '@kubernetes-models/keda/keda.sh/v1alpha1'
import { PodMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1'
import { Deployment } from 'kubernetes-models/apps/v1'
import { Job } from 'kubernetes-models/batch/v1'
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1'
import { PersistentVolumeClaim, Service } from 'kubernetes-models/v1'
import { GATEWAY_OBJECT } from './gateway-schema.js'

// Each class has a schema, compiled from the OpenAPI of Kubernetes or from the custom resource's own.
const KINDS = [
  Deployment,
  Job,
  PersistentVolumeClaim,
  PodDisruptionBudget,
  PodMonitor,
  ScaledObject,
  Service,
] as unknown as { apiVersion: string; kind: string; prototype: { validate(this: object): void } }[]

/**
 * Checks an object against the schema of its kind. Throws if a value has the wrong type, or if a field is unknown: the
 * schemas allow unknown fields, but their compiled code never reads them.
 */
export function checkKubernetesObject(object: { apiVersion?: string; kind?: string }): void {
  if (object.apiVersion?.startsWith('gateway.')) return void GATEWAY_OBJECT.parse(object)
  const kind = KINDS.find(({ apiVersion, kind }) => apiVersion === object.apiVersion && kind === object.kind)
  if (!kind) throw new Error(`there is no schema for ${object.apiVersion} ${object.kind}`)
  const read = new Map<object, Set<string>>()
  // Not on an instance: its constructor copies all fields, and reads them for that.
  kind.prototype.validate.call(watched(object, read))
  const unread = [...read].flatMap(([value, keys]) => Object.keys(value).filter((key) => !keys.has(key)))
  if (unread.length > 0) throw new Error(`${object.kind}: unknown fields ${unread.join(', ')}`)
}

/** A copy that notes which fields are read. */
function watched(value: object, read: Map<object, Set<string>>): object {
  const copy = (Array.isArray(value) ? [] : {}) as Record<string, unknown>
  for (const [key, inner] of Object.entries(value)) {
    copy[key] = typeof inner === 'object' && inner !== null ? watched(inner, read) : inner
  }
  const keys = new Set<string>()
  read.set(copy, keys)
  return new Proxy(copy, {
    get(target, key, receiver) {
      if (typeof key === 'string') keys.add(key)
      return Reflect.get(target, key, receiver)
    },
  })
}
