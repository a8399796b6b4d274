import { z } from 'zod'

/*
 * The parts of the Gateway API (gateway.networking.k8s.io/v1) and of Envoy Gateway's policies
 * (gateway.envoyproxy.io/v1alpha1) that the examples use, from their references. Packages with all of both need Node 22.
 */

const duration = z.string().regex(/^([0-9]{1,5}(h|m|s|ms)){1,4}$/)
const whole = z.number().int()

const metadata = z.strictObject({ name: z.string() })
const targetRefs = z.array(
  z.strictObject({ group: z.string(), kind: z.string(), name: z.string(), sectionName: z.string().optional() }),
)

const header = z.strictObject({ name: z.string() })
const loadBalancer = z.strictObject({
  type: z.enum(['ConsistentHash', 'LeastRequest', 'Random', 'RoundRobin']),
  consistentHash: z.strictObject({
    type: z.enum(['SourceIP', 'Header', 'Headers', 'Cookie', 'QueryParams']),
    header: header.optional(),
    headers: z.array(header).optional(),
    tableSize: whole.optional(),
  }),
})

const TRIGGERS = [
  '5xx',
  'gateway-error',
  'reset',
  'reset-before-request',
  'connect-failure',
  'retriable-4xx',
  'refused-stream',
  'retriable-status-codes',
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
] as const
const retry = z.strictObject({
  numAttemptsPerPriority: whole.optional(),
  numRetries: whole.optional(),
  perRetry: z
    .strictObject({
      backOff: z.strictObject({ baseInterval: duration.optional(), maxInterval: duration.optional() }).optional(),
      timeout: duration.optional(),
    })
    .optional(),
  retryOn: z.strictObject({
    httpStatusCodes: z.array(whole.min(100).max(600)).optional(),
    triggers: z.array(z.enum(TRIGGERS)).optional(),
  }),
})

const http = z.strictObject({
  idleTimeout: duration.optional(),
  requestReceivedTimeout: duration.optional(),
  streamIdleTimeout: duration.optional(),
})

const PORT = whole.min(1).max(65_535)
const listener = z.strictObject({
  name: z.string(),
  hostname: z.string().optional(),
  port: PORT,
  protocol: z.enum(['HTTP', 'HTTPS', 'TLS', 'TCP', 'UDP']),
})
const reference = z.strictObject({
  group: z.string().optional(),
  kind: z.string().optional(),
  name: z.string(),
  namespace: z.string().optional(),
  port: PORT.optional(),
})
const rule = z.strictObject({
  backendRefs: z.array(reference.extend({ weight: whole.optional() })),
  timeouts: z.strictObject({ request: duration.optional(), backendRequest: duration.optional() }).optional(),
})

const envoy = z.literal('gateway.envoyproxy.io/v1alpha1')
const gateway = z.literal('gateway.networking.k8s.io/v1')

/** Objects of the API groups whose names begin with `gateway.`. */
export const GATEWAY_OBJECT = z.discriminatedUnion('kind', [
  z.strictObject({
    apiVersion: gateway,
    kind: z.literal('Gateway'),
    metadata,
    spec: z.strictObject({ gatewayClassName: z.string(), listeners: z.array(listener).min(1) }),
  }),
  z.strictObject({
    apiVersion: gateway,
    kind: z.literal('HTTPRoute'),
    metadata,
    spec: z.strictObject({
      hostnames: z.array(z.string()).optional(),
      parentRefs: z.array(reference.extend({ sectionName: z.string().optional() })),
      rules: z.array(rule),
    }),
  }),
  z.strictObject({
    apiVersion: envoy,
    kind: z.literal('BackendTrafficPolicy'),
    metadata,
    spec: z.strictObject({ targetRefs, loadBalancer: loadBalancer.optional(), retry: retry.optional() }),
  }),
  z.strictObject({
    apiVersion: envoy,
    kind: z.literal('ClientTrafficPolicy'),
    metadata,
    spec: z.strictObject({ targetRefs, timeout: z.strictObject({ http }).optional() }),
  }),
])
