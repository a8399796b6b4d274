import { UserError } from '../../ground/errors.js'
import { isObject } from '../../ground/json/json.js'
import type { CacheFormat } from '../../kernels/memory/formats.js'
import type { Pool } from '../../kernels/threads/pool.js'
import type { ModelConfig } from '../config/config.js'
import { ConfigReader, quoted } from '../config/config-reader.js'
import { cacheFormat } from '../layers/cache/layer-cache.js'
import { Decoder } from '../layers/decoder.js'
import { formatsFor, type PartFormats, type Quant } from '../packing/format/formats.js'
import { type Blueprint, type Layout, planLayout } from '../packing/format/layout.js'
import { withPieceFormats } from '../packing/format/pieces.js'
import type { WeightStore } from '../weights/weight-store.js'
import { afmoe } from './afmoe.js'
import { bailing } from './bailing/bailing.js'
import { bailingHybrid } from './bailing/bailing-hybrid.js'
import { cohere } from './cohere.js'
import { deepseek2, deepseek3 } from './deepseek.js'
import { ernie } from './ernie.js'
import { gemma4 } from './gemma4.js'
import { glm4, glm4Lite } from './glm4.js'
import { gptOss } from './gpt-oss.js'
import { granite } from './granite/granite.js'
import { graniteHybrid } from './granite/granite-hybrid.js'
import { graniteSwa } from './granite/granite-swa.js'
import { hunyuan } from './hunyuan.js'
import { jetmoe } from './jetmoe.js'
import { kimiLinear } from './kimi-linear.js'
import { laguna } from './laguna.js'
import { lfm2 } from './lfm2.js'
import { mellum } from './mellum.js'
import { mixtral } from './mixtral.js'
import { moduleformer } from './moduleformer/moduleformer.js'
import { molmDecoder } from './molm-decoder.js'
import { nemotron } from './nemotron.js'
import { emo } from './olmo/emo.js'
import { flexOlmo, olmoe } from './olmo/olmoe.js'
import { engGpt, qwen2, qwen3 } from './qwen/qwen.js'
import { qwen3Next, qwen35 } from './qwen/qwen-next.js'
import type { Architecture } from './shared/architecture.js'
import { refuseQuantised, saysMxfp4 } from './shared/quantised.js'
import { OTHER_PARTS, textPart } from './shared/text-part.js'
import { smallthinker } from './smallthinker.js'
import { zaya } from './zaya/zaya.js'

/** Architectures that molm runs; a new one is a file and a line here. */
// biome-ignore lint/suspicious/noExplicitAny: each takes the config that it has parsed itself, found by its model type
const ARCHITECTURES: readonly Architecture<any>[] = [
  moduleformer,
  afmoe,
  bailing,
  bailingHybrid,
  cohere,
  deepseek2,
  deepseek3,
  emo,
  ernie,
  gemma4,
  glm4,
  glm4Lite,
  gptOss,
  granite,
  graniteHybrid,
  graniteSwa,
  hunyuan,
  jetmoe,
  kimiLinear,
  laguna,
  lfm2,
  mellum,
  mixtral,
  molmDecoder,
  nemotron,
  olmoe,
  flexOlmo,
  qwen2,
  qwen3,
  engGpt,
  qwen3Next,
  qwen35,
  smallthinker,
  zaya,
]

/** Description of a family, beside a checkpoint. */
export const FAMILY_FILE = 'molm-family.json'

export const MODEL_TYPES: readonly string[] = ARCHITECTURES.flatMap(({ modelTypes }) => modelTypes)

/**
 * Reads a parsed config.json. Throws a UserError, which begins with `source` and names the key, if the model is of
 * another kind or its numbers make no sense.
 */
export function parseConfig(whole: unknown, source: string): ModelConfig {
  if (!isObject(whole)) throw new UserError(`${source}: a JSON object was expected`)
  const { json, textPartOf } = textPart(whole)
  const classNames = Array.isArray(json.architectures)
    ? json.architectures.filter((name) => typeof name === 'string')
    : []
  const architecture = architectureFor(json.model_type, classNames, source)
  const { defaults, aliases = {}, readsMxfp4 } = architecture
  const named: Record<string, unknown> = {}
  for (const [alias, key] of Object.entries(aliases)) if (json[alias] !== undefined) named[key] = json[alias]
  const keys = new ConfigReader({ ...defaults, ...named, ...json }, source)
  if (!(readsMxfp4 && saysMxfp4(keys.raw))) refuseQuantised(keys)
  const config = architecture.parseConfig(keys, classNames)
  return textPartOf === undefined ? config : { ...config, textPartOf }
}

/** The architecture of a model type; undefined if molm does not run it. */
export function architectureNamed(modelType: unknown): Architecture | undefined {
  return ARCHITECTURES.find(({ modelTypes }) => modelTypes.some((type) => type === modelType))
}

export function architectureOf({ modelType }: ModelConfig): Architecture {
  const architecture = architectureNamed(modelType)
  if (!architecture) throw new RangeError(`no architecture ${modelType}`)
  return architecture
}

export function blueprintOf(config: ModelConfig): Blueprint {
  const architecture = architectureOf(config)
  return {
    parts: (formats) => withPieceFormats(architecture.parts(config, formats), formats),
    ignores: (tensor) =>
      architecture.ignores(tensor, config) || (config.textPartOf !== undefined && OTHER_PARTS.test(tensor)),
    refusesUnknownTensors: !architecture.toleratesUnknownTensors,
    readsMxfp4: architecture.readsMxfp4 === true,
    ...(config.tensorRules && { settings: FAMILY_FILE }),
  }
}

/** Formats of a packing of a published model, by its config.json. A checkpoint's depend on its tensors. */
export function publishedFormats(config: ModelConfig, quant: Quant): PartFormats {
  const isMxfp4 = architectureOf(config).readsMxfp4 && saysMxfp4(config.raw)
  return formatsFor(quant, isMxfp4 ? 'mxfp4' : 'floats')
}

export function layoutOf(config: ModelConfig, formats: PartFormats): Layout {
  return planLayout(blueprintOf(config), formats)
}

function architectureFor(modelType: unknown, classNames: string[], source: string): Architecture {
  const fitting = ARCHITECTURES.filter(({ modelTypes, className }) =>
    modelType === undefined
      ? classNames.some((name) => name.startsWith(className))
      : modelTypes.some((type) => type === modelType),
  )
  // The class of a later edition begins with the name of an earlier one.
  const [found] = fitting.sort((a, b) => b.className.length - a.className.length)
  if (found) return found
  const what = modelType === undefined ? 'has no model_type' : `has model_type ${quoted(modelType)}`
  throw new UserError(
    `${source}: ${what}; molm runs models of model_type ${MODEL_TYPES.join(', ')}; ` +
      `for one of these under other names see docs/FAMILIES.md`,
  )
}

/** Number format of the keys and values that a sequence keeps: the one that was asked for, or the default. */
export function cacheTypeOf(config: ModelConfig, formats: PartFormats, given?: CacheFormat): CacheFormat {
  const architecture = architectureOf(config)
  const layers = Array.from({ length: config.layers }, (_, layer) => architecture.cache(config, layer))
  return cacheFormat(layers, formats, given)
}

/** Builds the forward pass of a model whose dense weights are in memory. */
export function createDecoder(
  config: ModelConfig,
  store: WeightStore,
  pool: Pool,
  formats: PartFormats,
  cacheType?: CacheFormat,
): Decoder {
  const architecture = architectureOf(config)
  return new Decoder(config, store, pool, formats, {
    cache: (layer) => architecture.cache(config, layer),
    cacheFormat: cacheTypeOf(config, formats, cacheType),
    build: (workspace) => architecture.build(config, workspace),
  })
}
