import { UsageError } from '../errors.js'
import { checkQuant, QUANTS, type Quant } from '../packing/format/formats.js'
import { type HubEnvironment, hubEnvironment } from './environment.js'
import type { PullPlan } from './plan.js'
import { isRepository } from './repository.js'
import { NETWORK_DEFAULTS, type NetworkOptions } from './retry.js'

export interface PullOptions {
  /** Default q4, or what the name says behind a colon. */
  quant?: Quant
  /** Branch, tag or commit; default main. */
  revision?: string
  /** In place of HF_TOKEN or the one a login has stored. */
  token?: string
  /** Stores the checkpoint's files in the hub's cache, and packs from there. */
  keep?: boolean
  /** Checks what was fetched against the hub's hash of each file. Without `keep` it fetches the files a second time. */
  verify?: boolean
  threads?: number
  /** Told once what is going to be done, before anything large is. */
  onPlan?: (plan: PullPlan) => void
  onProgress?: (progress: PullProgress) => void
  /** Lines for the user: something is tried again, gone on with or begun anew. */
  onNote?: (message: string) => void
  /** Aborting it rejects with its reason; a later pull goes on where it stopped. */
  signal?: AbortSignal
  network?: Partial<NetworkOptions>
}

/** How far a pull has come. */
export interface PullProgress {
  /** fetch: bytes come from the hub (and are packed as they come, unless kept). */
  phase: 'fetch' | 'pack' | 'verify'
  /** Bytes of the checkpoint in this phase. */
  done: number
  total: number
  /** The file or part of the model at hand. */
  item: string
}

/** A pull with all defaults filled in. */
export interface PullRequest {
  repo: string
  quant: Quant
  revision: string
  keep: boolean
  verify: boolean
  environment: HubEnvironment
  network: NetworkOptions
}

export const DEFAULT_REVISION = 'main'

/**
 * Reads `owner/name`, `owner/name:q8` or the address of a model's page, and the options. Rejects with a UsageError when
 * they cannot be meant.
 */
export async function readRequest(name: string, options: PullOptions): Promise<PullRequest> {
  checkQuant(options.quant)
  const environment = await hubEnvironment()
  const page = pageOf(name, environment.endpoint)
  if (!page && /^https?:/.test(name)) {
    throw new UsageError(`${name} is not on ${new URL(environment.endpoint).host}; HF_ENDPOINT names another hub`)
  }
  const [repo, packing, ...rest] = (page?.name ?? name).split(':')
  if (!isRepository(repo) || rest.length > 0) {
    throw new UsageError(`'${name}' is not the name of a repository; one looks like ibm-research/MoLM-350M-4B`)
  }
  const named = QUANTS.find((quant) => quant === packing)
  if (packing !== undefined && !named) {
    throw new UsageError(`'${name}': there is no packing '${packing}'; choose one of ${QUANTS.join(', ')}`)
  }
  if (named && options.quant && named !== options.quant) {
    throw new UsageError(`${name} asks for ${named} and \`quant\` for ${options.quant}: give one of them`)
  }
  const { revision = page?.revision ?? DEFAULT_REVISION, keep = false, verify = false, network } = options
  // It becomes a path in the cache.
  if (!/^[\w.-]+(\/[\w.-]+)*$/.test(revision) || revision.split('/').some((part) => /^\.+$/.test(part))) {
    throw new UsageError(`'${revision}' is not the name of a revision: a branch, tag or commit`)
  }
  return {
    repo,
    quant: named ?? options.quant ?? 'q4',
    revision,
    keep,
    verify,
    environment: { ...environment, token: options.token ?? environment.token },
    network: { ...NETWORK_DEFAULTS, ...network },
  }
}

/** Names of the hub in addresses that people copy. */
const HUB_HOSTS = ['huggingface.co', 'www.huggingface.co', 'hf.co']

/**
 * The model, and the revision if there is one, of an address like `https://huggingface.co/owner/name/tree/main`; with or
 * without `https://`, and with `:q8` behind it. Undefined where it is no address of this hub.
 */
function pageOf(text: string, endpoint: string): { name: string; revision?: string } | undefined {
  const [, host, path] = /^(?:https?:\/\/)?([^/]+)\/(.+)$/.exec(text) ?? []
  if (host === undefined || ![...HUB_HOSTS, new URL(endpoint).host].includes(host.toLowerCase())) return undefined
  const [, rest, packing = ''] = /^([^?#]*?)(:\w+)?(?:[?#].*)?$/.exec(path) ?? []
  const [owner, name, kind, revision] = rest.split('/')
  const isAtRevision = ['tree', 'blob', 'resolve', 'commit'].includes(kind) && revision
  return {
    name: [owner, name].filter(Boolean).join('/') + packing,
    ...(isAtRevision && { revision }),
  }
}
