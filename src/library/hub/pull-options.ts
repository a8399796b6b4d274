import { UsageError } from '../../ground/errors.js'
import { option, phrase } from '../../ground/message.js'
import { isGguf } from '../../model/gguf/file/split-names.js'
import { checkQuant, QUANTS, type Quant } from '../../model/packing/format/formats.js'
import { nameHint } from '../catalogue/known-names.js'
import { isTag } from './gguf-choice.js'
import type { PullPlan } from './plan.js'
import { type HubEnvironment, hubEnvironment } from './transfer/environment.js'
import { isRepository } from './transfer/repository.js'
import { NETWORK_DEFAULTS, type NetworkOptions } from './transfer/retry.js'

export interface PullOptions {
  /** Default: the name's suffix (`:q8`), else q4 for a checkpoint, and for a GGUF file the formats that it has. */
  quant?: Quant
  /** Branch, tag or commit. Default main. */
  revision?: string
  /** Access token. Default: HF_TOKEN, else the token of a login. */
  token?: string
  /** Stores the checkpoint's files in the hub's cache and packs from there. Default false. */
  keep?: boolean
  /** Checks the files against the hub's hashes. Without `keep` it fetches them a second time. Default false. */
  verify?: boolean
  /** Asks the hub for the newest commit even if its cache here has the model. Default false. */
  fresh?: boolean
  /** Threads that pack. Default: the cores that this process may use. */
  threads?: number
  /** Called once with the plan, before anything large is fetched. */
  onPlan?: (plan: PullPlan) => void
  onProgress?: (progress: PullProgress) => void
  /** Called with lines for the user, such as retries and resumed pulls. */
  onNote?: (message: string) => void
  /** Aborts the pull, which rejects with its reason. A later pull resumes. */
  signal?: AbortSignal
  network?: Partial<NetworkOptions>
}

/** The options that the steps of a pull report to. */
export type PullCallbacks = Pick<PullOptions, 'onPlan' | 'onProgress' | 'onNote' | 'signal'>

export interface PullProgress {
  /** fetch: bytes come from the hub (and are packed as they come, unless kept). */
  phase: 'fetch' | 'pack' | 'verify'
  /** Bytes of the checkpoint in this phase. */
  done: number
  total: number
  /** File, or part of the model, in work. */
  item: string
}

export interface PullRequest {
  repo: string
  /** Text after the colon of the name: a packing, or the tag of a GGUF file. */
  suffix?: string
  quant?: Quant
  revision: string
  keep: boolean
  verify: boolean
  fresh: boolean
  environment: HubEnvironment
  network: NetworkOptions
}

export const DEFAULT_REVISION = 'main'
export const DEFAULT_QUANT: Quant = 'q4'

/** Reads the options and the name, or the address of a model's page. Rejects with a UsageError if they are invalid. */
export async function readRequest(name: string, options: PullOptions): Promise<PullRequest> {
  checkQuant(options.quant)
  const environment = await hubEnvironment()
  const page = pageOf(name, environment.endpoint)
  if (!page && /^https?:/.test(name)) {
    throw new UsageError(`${name} is not on ${new URL(environment.endpoint).host}; HF_ENDPOINT names another hub`)
  }
  // The name of another packing of a GGUF file has both: owner/name:Q4_K_M:q8.
  const [repo, suffix, packing, ...rest] = (page?.name ?? name).split(':')
  const isQuant = (text: string | undefined) => QUANTS.some((quant) => quant === text)
  const named = QUANTS.find((quant) => quant === (packing ?? suffix))
  const isPackingOfTag = packing === undefined || (isQuant(packing) && !isQuant(suffix))
  const isNamed = isPackingOfTag && (suffix === undefined || isTag(suffix))
  if (!isRepository(repo) || !repo.includes('/') || rest.length > 0 || !isNamed) {
    throw new UsageError(
      `'${name}' is not the name of a repository, which begins with its owner, as in ibm-research/MoLM-350M-4B or owner/name-GGUF:Q4_K_M\n` +
        (nameHint(name) ?? '`molm pull` lists models that have a short name'),
    )
  }
  if (named && options.quant && named !== options.quant) {
    throw new UsageError(
      phrase`${name} asks for ${named} and ${option('quant')} for ${options.quant}: give one of them`,
    )
  }
  const { keep = false, verify = false, fresh = false, network } = options
  const { revision = page?.revision ?? DEFAULT_REVISION } = options
  // The revision becomes a path in the cache.
  if (!/^[\w.-]+(\/[\w.-]+)*$/.test(revision) || revision.split('/').some((part) => /^\.+$/.test(part))) {
    throw new UsageError(`'${revision}' is not the name of a revision: a branch, tag or commit`)
  }
  return {
    repo,
    suffix,
    quant: options.quant ?? named,
    revision,
    keep,
    verify,
    fresh,
    environment: { ...environment, token: options.token ?? environment.token },
    network: { ...NETWORK_DEFAULTS, ...network },
  }
}

/** Hosts of the hub in addresses of pages. */
const HUB_HOSTS = ['huggingface.co', 'www.huggingface.co', 'hf.co']

/**
 * Parses an address like `https://huggingface.co/owner/name/tree/main`, with or without `https://`, and with an
 * optional `:q8` at its end. The address of a GGUF file has its name for a tag. Undefined if it is not an address of this
 * hub.
 */
function pageOf(text: string, endpoint: string): { name: string; revision?: string } | undefined {
  const [, host, path] = /^(?:https?:\/\/)?([^/]+)\/(.+)$/.exec(text) ?? []
  if (host === undefined || ![...HUB_HOSTS, new URL(endpoint).host].includes(host.toLowerCase())) return undefined
  const [, rest, packing = ''] = /^([^?#]*?)(:[\w.+-]+)?(?:[?#].*)?$/.exec(path) ?? []
  const [owner, name, kind, revision, ...file] = rest.split('/')
  const isAtRevision = ['tree', 'blob', 'resolve', 'commit'].includes(kind) && revision
  const tag = isAtRevision && isGguf(rest) ? `:${file.at(-1)}` : ''
  return {
    name: [owner, name].filter(Boolean).join('/') + (packing || tag),
    ...(isAtRevision && { revision }),
  }
}

/** Begins to report on `total` bytes of work; `done` of them were done before. */
export type Track = (total: number, done?: number) => { add(count: number): void; item(name: string): void }

/** Creates a tracker that reports the bytes and items of a phase to `onProgress`. */
export function trackPhase(phase: PullProgress['phase'], onProgress?: (progress: PullProgress) => void): Track {
  return (total, already = 0) => {
    let done = already
    let item = ''
    const report = () => onProgress?.({ phase, done: Math.min(done, total), total, item })
    return {
      add(count) {
        done += count
        report()
      },
      item(name) {
        item = name
        report()
      },
    }
  }
}
