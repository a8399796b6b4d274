import { UserError } from '../../ground/errors.js'
import { type FileSet, textSource, whileOpen } from '../../ground/files/byte-source.js'
import { readConfigFile, readWhole } from '../../ground/files/small-file.js'
import { anyOf, whole, wordUpTo } from '../../ground/json/forms.js'
import { isObject, parseJson } from '../../ground/json/json.js'
import { parseWithLines } from '../../ground/json/json-lines.js'
import { nearest } from '../../ground/spelling.js'
import { PLACEHOLDERS, type TensorRule } from '../checkpoint/tensor-rules.js'
import { quoted } from '../config/config-reader.js'
import { architectureNamed, FAMILY_FILE, MODEL_TYPES } from './index.js'
import type { Architecture } from './shared/architecture.js'
import { textPart } from './shared/text-part.js'

/*
 * A family by description: a JSON file says under which other names a checkpoint has the keys and tensors of a family that
 * molm runs. It may come with a download, so it is data alone: its names are compared with names of the checkpoint.
 */

const CONFIG = 'config.json'

/** Members of a description. */
export const FIELDS = ['model_type', 'like', 'keys', 'defaults', 'tensors'] as const

/** Keys of config.json that families read if they are there, beside those with defaults. */
const OPTIONAL_KEYS = [
  ...['head_dim', 'num_key_value_heads', 'num_global_key_value_heads', 'num_attention_heads_per_layer', 'q_lora_rank'],
  ...['layer_types', 'mlp_layer_types', 'mlp_only_layers', 'layers_block_type', 'full_attn_idxs', 'swa_layers'],
  ...['rope_theta', 'rope_scaling', 'rope_parameters', 'layer_rope_theta', 'partial_rotary_factor', 'sliding_window'],
  ...['num_experts_per_layer', 'num_shared_experts_per_layer', 'always_active_experts', 'n_group', 'moe_latent_size'],
  ...['always_active_experts_per_layer', 'shared_expert_intermediate_size', 'prefix_dense_intermediate_size'],
  ...['attention_multiplier', 'clip_qkv', 'final_logit_softcapping', 'rms_norm_eps', 'tie_embedding'],
  ...['position_embedding_type', 'kda_lower_bound', 'mamba_d_head', 'time_step_limit', 'per_layer_config'],
  ...['sliding_window_layout', 'rope_layout', 'dense_intermediate_size', 'ghost_extend_eval', 'eos_token_id'],
  ...['num_hidden_layers', 'quantization_config', 'tie_word_embeddings', 'bos_token_id'],
]

/** Keys that a description may name. */
export function keysOf({ defaults, aliases = {} }: Pick<Architecture, 'defaults' | 'aliases'>): string[] {
  return [...Object.keys(defaults), ...Object.keys(aliases), ...OPTIONAL_KEYS]
}

const MOST_BYTES = 2 ** 18
const MOST_ENTRIES = 256
const MOST_PIECES = 8
const isName = wordUpTo(256)
const isShare = whole(1, 2 ** 24)

interface Description {
  modelType: string
  /** A config.json with the keys of the family. */
  config(json: Record<string, unknown>): Record<string, unknown>
  /** Rules for names of tensors, for such a config.json. */
  rules(config: Record<string, unknown>): TensorRule[]
}

/** Files of a checkpoint. If its family is described, config.json has the keys of that family, and tensors have rules. */
export interface DescribedFiles {
  files: FileSet
  rules?: TensorRule[]
}

/**
 * Finds the description of a checkpoint: the file beside it; else, if molm does not run its model_type, the one of this
 * type in a folder of descriptions. Without any, its files stay as they are. Rejects with a UserError that names the file
 * and line.
 */
export async function described(files: FileSet, families?: FileSet): Promise<DescribedFiles> {
  const listing = await files.list()
  if (!listing.includes(CONFIG)) return { files }
  const json = await whileOpen(files.open(CONFIG), readConfigFile)
  const { model_type: type } = textPart(json).json
  const isBeside = listing.includes(FAMILY_FILE)
  if (!isBeside && MODEL_TYPES.some((known) => known === type)) return { files }
  const description = isBeside ? await read(files, FAMILY_FILE) : families && (await ofType(type, families))
  if (!description) return { files }
  if (type !== undefined && description.modelType !== type) {
    const types = `model_type ${quoted(description.modelType)}, not ${quoted(type)} of ${CONFIG}`
    throw new UserError(`${files.name}/${FAMILY_FILE}: describes ${types}`)
  }
  const { text_config: inner } = json
  const own = description.config(isObject(inner) ? inner : json)
  const whole = isObject(inner) ? { ...json, text_config: own } : own
  const config = textSource(`${files.name}/${CONFIG}`, `${JSON.stringify(whole, null, 2)}\n`)
  const open = async (file: string) => (file === CONFIG ? config : files.open(file))
  return { files: { name: files.name, list: async () => listing, open }, rules: description.rules(own) }
}

/** The description of a model type in a folder, which may be missing. */
async function ofType(type: unknown, families: FileSet): Promise<Description | undefined> {
  const names = (await families.list().catch(() => [])).filter((name) => name.endsWith('.json')).sort()
  const all = await Promise.all(names.map(async (name) => ({ name, description: await read(families, name) })))
  const found = all.filter(({ description }) => description.modelType === type)
  if (found.length < 2) return found[0]?.description
  const places = found.map(({ name }) => name).join(' and ')
  throw new UserError(`${families.name}: ${places} both describe model_type ${quoted(type)}`)
}

async function read(files: FileSet, name: string): Promise<Description> {
  const bytes = await whileOpen(files.open(name), (source) => readWhole(source, MOST_BYTES))
  return readDescription(bytes, `${files.name}/${name}`)
}

/** Reads a description. Throws a UserError that names the file, the line and the member. */
export function readDescription(bytes: Uint8Array, path: string): Description {
  const { value: json, lineOf } = parseJson(bytes, path, undefined, undefined, parseWithLines)
  const place = (...at: string[]) => `${path}:${lineOf(at)}`
  const refuse = (at: string[], why: string) => new UserError(`${place(...at)}: ${at.map(shortName).join('.')} ${why}`)
  if (!isObject(json)) throw new UserError(`${path}: a JSON object was expected`)
  for (const field of Object.keys(json)) {
    if (!FIELDS.some((known) => known === field)) {
      throw refuse([field], `is no member of a description${meant(field, FIELDS) || `: ${FIELDS.join(', ')}`}`)
    }
  }
  const { model_type: modelType, like, keys = {}, defaults = {}, tensors = {} } = json
  if (!isName(modelType)) throw refuse(['model_type'], 'must be the model_type of config.json')
  const family = architectureNamed(like)
  if (typeof like !== 'string' || !family) {
    throw refuse(['like'], `must be a model_type that molm runs, not ${quoted(like)}${meant(like, MODEL_TYPES)}`)
  }
  const members = (field: string, value: unknown): [string, unknown][] => {
    const entries = isObject(value) ? Object.entries(value) : []
    if (isObject(value) && entries.length <= MOST_ENTRIES && entries.every(([name]) => isName(name))) return entries
    throw refuse([field], `must be an object of at most ${MOST_ENTRIES} names`)
  }
  const all = keysOf(family)
  const checkKey = (at: string[], key: unknown) => {
    if (!all.some((name) => name === key)) throw refuse(at, `names ${quoted(key)}, no key of ${like}${meant(key, all)}`)
  }
  const names = members('keys', keys)
  for (const [from, to] of names) if (to !== null) checkKey(['keys', from], to)
  const values = members('defaults', defaults)
  for (const [key] of values) checkKey(['defaults', key], key)
  const targets = members('tensors', tensors).map(([from, to]) => {
    return { from, to: newNames(from, to, (why) => refuse(['tensors', from], why)) }
  })
  const shareOf = (from: string, share: unknown, config: Record<string, unknown>): number => {
    const value = typeof share === 'string' ? (config[share] ?? family.defaults[share]) : share
    if (isShare(value)) return value
    throw refuse(['tensors', from], `has a share ${quoted(share)}, but config.json no such number by ${like}'s keys`)
  }
  return {
    modelType,
    config: (own) => ({
      ...withFamilyKeys(own, names, Object.fromEntries(values)),
      ...{ model_type: like, architectures: [`${family.className}ForCausalLM`] },
    }),
    rules: (config) =>
      targets.map(({ from, to }) => {
        const shares = to.map(({ name, share }) => ({ name, share: shareOf(from, share, config) }))
        return { from, to: shares, source: place('tensors', from) }
      }),
  }
}

/** New names of a tensor: one, a list for equal runs of rows, or an object whose values are relative lengths of them. */
function newNames(from: string, to: unknown, refuse: (why: string) => UserError) {
  const given = isObject(to) ? Object.entries(to) : [to].flat().map((name): [unknown, unknown] => [name, 1])
  checkPlaceholders(from, refuse)
  const names = given.flatMap(([name, share]) => (isName(name) && anyOf(isShare, isName)(share) ? { name, share } : []))
  if (names.length === 0 || names.length > MOST_PIECES || names.length < given.length) {
    throw refuse('must be a name, a list of names, or an object of names with shares')
  }
  for (const { name } of names) {
    checkPlaceholders(name, refuse)
    const own = PLACEHOLDERS.find((one) => one !== '{expert}' && name.includes(one) && !from.includes(one))
    if (own !== undefined) throw refuse(`has ${own} in the new name alone`)
  }
  return names
}

/** Placeholders are whole segments, each once, and `{rest}` is the last. */
function checkPlaceholders(name: string, refuse: (why: string) => UserError): void {
  const segments = name.split('.')
  const odd = segments.find((segment, i) => {
    const isPlaceholder = PLACEHOLDERS.some((one) => one === segment)
    if (!isPlaceholder) return /[{}]/.test(segment)
    return segments.indexOf(segment) < i || (segment === '{rest}' && i < segments.length - 1)
  })
  if (odd === undefined) return
  throw refuse(`has ${quoted(odd)}: between points may be ${PLACEHOLDERS.join(', ')}, once each, and {rest} at the end`)
}

/** The keys of a config.json under the family's names, over defaults. A key of an object within has points in its name. */
function withFamilyKeys(
  json: Record<string, unknown>,
  names: readonly [string, unknown][],
  defaults: Record<string, unknown>,
): Record<string, unknown> {
  const taken = new Set(names.map(([from]) => from))
  const found = names.flatMap(([from, to]) => {
    const value = from
      .split('.')
      .reduce<unknown>((of, key) => (isObject(of) && Object.hasOwn(of, key) ? of[key] : undefined), json)
    return to === null || value === undefined ? [] : [[String(to), value] as const]
  })
  const others = Object.entries(json).filter(([key]) => !taken.has(key))
  return Object.fromEntries([...Object.entries(defaults), ...others, ...found])
}

function meant(word: unknown, known: readonly string[]): string {
  const found = typeof word === 'string' ? nearest(word, known, { isName: true }) : undefined
  return found === undefined ? '' : `; did you mean ${found}?`
}

function shortName(name: string): string {
  return /^\w+$/.test(name) ? name : quoted(name)
}
