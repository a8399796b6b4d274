import { join } from 'node:path'
import { UserError } from '../errors.js'
import { printable } from '../printable.js'
import { SAMPLING_RANGES, type SamplingOptions } from '../sampling/options.js'
import { isTokenId } from './added-tokens.js'
import { MOST_STOPS } from './stop-strings.js'
import { readJsonIfPresent } from './text-files.js'

/** How the makers of a model want it to generate; what they do not say is absent. */
export interface GenerationDefaults extends Partial<Omit<SamplingOptions, 'seed'>> {
  maxTokens?: number
  stop?: string[]
  /** Any of these ends the text. */
  eosTokens?: number[]
  bosToken?: number
}

/**
 * Reads generation_config.json. Null says nothing, nor do keys not listed here, nor a folder without the file;
 * `do_sample: false` means greedy, whatever temperature stands beside it. Rejects with a UserError that names the file and
 * the key of a value that cannot be meant.
 */
export async function loadGenerationDefaults(dir: string): Promise<GenerationDefaults> {
  const config = (await readJsonIfPresent(dir, 'generation_config.json')) ?? {}

  function read<T>(key: string, mustBe: string, isRight: (value: unknown) => value is T): T | undefined {
    const value = config[key] ?? undefined
    if (value === undefined || isRight(value)) return value
    const file = join(dir, 'generation_config.json')
    throw new UserError(`${file}: ${key} must be ${mustBe}, not ${printable(JSON.stringify(value))}`)
  }
  function readSampling(key: string, option: keyof SamplingOptions): number | undefined {
    const { mustBe, includes } = SAMPLING_RANGES[option]
    return read(key, mustBe, (value): value is number => typeof value === 'number' && includes(value))
  }

  const samples = read('do_sample', 'true or false', (value) => typeof value === 'boolean')
  const temperature = readSampling('temperature', 'temperature')
  const stop = read('stop_strings', `a text or a list of at most ${MOST_STOPS} texts`, isStop)
  const eosTokens = read('eos_token_id', 'a token id or a list of them', isOneOrMany(isTokenId))
  return withoutUndefined({
    temperature: samples === false ? 0 : temperature,
    topK: readSampling('top_k', 'topK'),
    topP: readSampling('top_p', 'topP'),
    minP: readSampling('min_p', 'minP'),
    repeatPenalty: readSampling('repetition_penalty', 'repeatPenalty'),
    maxTokens: read('max_new_tokens', 'an integer above 0', isCount),
    stop: stop === undefined ? undefined : [stop].flat(),
    eosTokens: eosTokens === undefined ? undefined : [eosTokens].flat(),
    bosToken: read('bos_token_id', 'a token id', isTokenId),
  })
}

/** So that the result can be spread over other defaults. */
function withoutUndefined<T extends object>(values: T): T {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function isStop(value: unknown): value is string | string[] {
  return isOneOrMany(isText)(value) && [value].flat().length <= MOST_STOPS
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0
}

function isOneOrMany<T>(isOne: (value: unknown) => value is T) {
  return (value: unknown): value is T | T[] => isOne(value) || (Array.isArray(value) && value.every(isOne))
}
