import type { ModelConfig } from '../../config/config.js'
import type { ConfigReader } from '../../config/config-reader.js'
import type { LayerCache } from '../../layers/cache/layer-cache.js'
import type { Blocks } from '../../layers/decoder.js'
import type { Workspace } from '../../layers/workspace.js'
import type { PartFormats } from '../../packing/format/formats.js'
import type { Part } from '../../packing/format/layout.js'

/** Sizes of a model in words, a list for each line of a model card. */
export interface ShapeWords {
  attention: string[]
  mlp: string[]
  router: string[]
}

/** A family of models: reads its config.json, lays out its weights and builds its forward pass. */
export interface Architecture<C extends ModelConfig = ModelConfig> {
  /** Name for people. */
  title: string
  modelTypes: readonly string[]
  /** Beginning of its class names in `architectures`, for a config.json without model_type. */
  className: string
  /** Values of absent keys of config.json. */
  defaults: Record<string, unknown>
  /** Other spellings of keys, mapped to the keys of `defaults`. */
  aliases?: Record<string, string>
  /** Reads a config.json with defaults filled in. Throws a UserError that names the key. */
  parseConfig(keys: ConfigReader, classNames: string[]): C
  describe(config: C): ShapeWords
  /** Keys of config.json that must agree in two models for the experts of one to work in the other. */
  shapeKeys(config: C): readonly string[]
  /** The parts of a packed model in the order of use: tensor names, shapes and formats. */
  parts(config: C, formats: PartFormats): Iterable<Part>
  /** Whether a tensor of a checkpoint is known to be unused. */
  ignores(tensor: string, config: C): boolean
  /** Whether tensors that the model does not use cause a warning only; else they are refused. */
  toleratesUnknownTensors?: true
  /**
   * Whether its published checkpoints store experts as MXFP4. If `formats.mlp` is mxfp4 or mxfp4_f32, `parts` reads
   * them from these tensors (mxfp4Expert); otherwise from float weights.
   */
  readsMxfp4?: true
  cache(config: C, layer: number): LayerCache
  /** Binds the blocks of a bank to its workspace; a forward pass then allocates nothing. */
  build(config: C, workspace: Workspace): Blocks
}
