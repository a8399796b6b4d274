import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { type PullOptions, type PullPlan, pullModel } from '#molm/index.js'
import { HubServer } from './hub-server.js'
import { thrownBy } from './rejects.js'
import { inTemporaryFolder } from './temporary-folder.js'

/** Environment variables for the source and target of a pull. */
const VARIABLES = [
  ...['HF_HOME', 'HF_HUB_CACHE', 'HF_TOKEN', 'HF_TOKEN_PATH', 'HF_ENDPOINT', 'HF_HUB_OFFLINE', 'MOLM_HOME'],
  ...['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'],
]

/** Immediate retries, and a shorter timeout for idle connections. */
export const IMPATIENT: PullOptions['network'] = { retryDelaysMs: [1, 1, 1, 1], idleMs: 20000 }

/** A request for each tensor, so that small models need many. */
export const TENSOR_BY_TENSOR: PullOptions['network'] = { ...IMPATIENT, requestBytes: 1 }

/** A pull on one thread that tries again at once. */
export const QUICK = { threads: 1, network: IMPATIENT }
/** Name of a repository. */
export const REPO = 'org/model'

/** Runs `use` with a new hub and new folders for models and cache. The environment names them meanwhile. */
export async function withHub(use: (hub: HubServer, dir: string) => Promise<unknown>): Promise<void> {
  const before = VARIABLES.map((name) => [name, process.env[name]] as const)
  const hub = await HubServer.start()
  try {
    await inTemporaryFolder(async (dir) => {
      for (const name of VARIABLES) delete process.env[name]
      process.env.HF_HOME = join(dir, 'hf')
      process.env.MOLM_HOME = join(dir, 'molm')
      process.env.HF_ENDPOINT = hub.endpoint
      await use(hub, dir)
    })
  } finally {
    await hub.close()
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  }
}

/** Checks that there is nothing of the model but parts for the next pull. */
export async function isUnfinished(home: string): Promise<void> {
  const left = await readdir(join(home, 'models', REPO)).catch(() => [])
  assert.equal(
    left.filter((name) => name !== '.molm.partial'),
    [],
  )
}

/** Pulls until the first part is there, and resolves with the plan: enough for what happens before the weights come. */
export async function planOf(name: string, options: PullOptions = {}): Promise<PullPlan> {
  const plans: PullPlan[] = []
  const stop = new AbortController()
  const reason = new Error('planned')
  const pulling = pullModel(name, {
    ...QUICK,
    ...options,
    onPlan: (plan) => plans.push(plan),
    onProgress: () => stop.abort(reason),
    signal: stop.signal,
  })
  assert.is(await thrownBy(pulling), reason)
  return plans[0]
}
