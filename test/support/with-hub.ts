import { join } from 'node:path'
import type { PullOptions } from '#molm/index.js'
import { HubServer } from './hub-server.js'
import { inTemporaryFolder } from './temporary-folder.js'

/** Variables that say where a pull comes from and goes to. */
const VARIABLES = [
  ...['HF_HOME', 'HF_HUB_CACHE', 'HF_TOKEN', 'HF_TOKEN_PATH', 'HF_ENDPOINT', 'HF_HUB_OFFLINE', 'MOLM_HOME'],
  ...['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'],
]

/** Retries that take no time, and connections that are given up soon. */
export const IMPATIENT: PullOptions['network'] = { retryDelaysMs: [1, 1, 1, 1], idleMs: 20000 }

/** Runs `use` with a hub of its own and a fresh home for models and cache, which the environment names meanwhile. */
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
