import { GENERATION_OPTIONS, OPTION_NAMES } from '../api/generation-options.js'
import type { GenerationDefaults } from '../api/text.js'
import { UserError } from '../ground/errors.js'
import { readJsonIfPresent } from '../ground/files/small-file.js'
import { anyOf, type Form, isCount, isFlag, listOf } from '../ground/json/forms.js'
import { pathIn } from '../ground/platform/files.js'
import { printable } from '../ground/printable.js'

/**
 * Reads generation_config.json. Ignores null, unknown keys and a missing file. `do_sample: false` means greedy,
 * whatever `temperature` says. Rejects with a UserError that names the file and the key of an impossible value.
 */
export async function loadGenerationDefaults(dir: string): Promise<GenerationDefaults> {
  const config = (await readJsonIfPresent(dir, 'generation_config.json')) ?? {}

  function read<T>(key: string, mustBe: string, isRight: Form<T>): T | undefined {
    const value = config[key] ?? undefined
    if (value === undefined || isRight(value)) return value
    const file = pathIn(dir, 'generation_config.json')
    throw new UserError(`${file}: ${key} must be ${mustBe}, not ${printable(JSON.stringify(value))}`)
  }
  const options: Record<string, unknown> = {}
  for (const name of OPTION_NAMES) {
    const { kind, config: own, ...range } = GENERATION_OPTIONS[name]
    if (!own) continue
    const { key, mustBe, includes } = { ...range, ...own }
    const value = read(key, mustBe, includes)
    options[name] = kind === 'texts' && value !== undefined ? [value].flat() : value
  }
  const samples = read('do_sample', 'true or false', isFlag)
  if (samples === false) options.temperature = 0
  const eosTokens = read('eos_token_id', 'a token id or a list of them', anyOf(isCount, listOf(isCount)))
  const all: GenerationDefaults = {
    ...options,
    eosTokens: eosTokens === undefined ? undefined : [eosTokens].flat(),
    bosToken: read('bos_token_id', 'a token id', isCount),
  }
  // The result can be spread over other defaults.
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}
