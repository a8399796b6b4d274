import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { UserError } from '../../../ground/errors.js'

/** Settings of the Hugging Face hub from the environment, by the names that the hub's own tools use. */
export interface HubEnvironment {
  /** The hub's address without a slash at its end. */
  endpoint: string
  cache: string
  token?: string
  /** Whether only files on this computer may be used. */
  offline: boolean
}

const HUB = 'https://huggingface.co'

/** Reads HF_ENDPOINT, HF_HOME, HF_HUB_CACHE, HF_TOKEN (or the file that a login leaves behind) and HF_HUB_OFFLINE. */
export async function hubEnvironment(
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<HubEnvironment> {
  const home = env.HF_HOME || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'huggingface')
  return {
    endpoint: endpointOf(env.HF_ENDPOINT || HUB),
    cache: env.HF_HUB_CACHE || join(home, 'hub'),
    token: env.HF_TOKEN?.trim() || (await storedToken(env.HF_TOKEN_PATH || join(home, 'token'))),
    offline: ['1', 'ON', 'YES', 'TRUE'].includes(env.HF_HUB_OFFLINE?.toUpperCase() ?? ''),
  }
}

function endpointOf(text: string): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    throw new UserError(`HF_ENDPOINT is not the address of a hub: '${text}'; one looks like ${HUB}`)
  }
  return text.replace(/\/+$/, '')
}

async function storedToken(path: string): Promise<string | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '')
  return text.trim() || undefined
}
