/**
 * The library in a page: the same engine, bits and types as `molm` in Node. Packing, teaching, pulling and the server are
 * not in it.
 *
 * @example
 * const model = await loadModel('models/nano/model-q4.molm.safetensors')
 * for await (const step of model.createSession().generate('Once')) document.body.append(step.text)
 * await model.dispose()
 */

export type * from '../api/chat-options.js'
export type * from '../api/generation.js'
export { eventsOf, type GenerationEvent, resultOf } from '../api/generation-events.js'
export type * from '../api/kept-file.js'
export type * from '../api/model.js'
export type * from '../api/read-out.js'
export type * from '../api/routes.js'
export type * from '../api/session.js'
export type { ChatMessage, ChatTemplate, GenerationDefaults, Tokenizer } from '../api/text.js'
export { UsageError, UserError } from '../ground/errors.js'
export { type Atlas, type AtlasCommittee, type AtlasEntry, type AtlasToken, nameIn } from '../insight/atlas/atlas.js'
export { loadAtlas } from '../insight/atlas/load-atlas.js'
export {
  expertsThatMatter,
  type MatteringExpert,
  type Matters,
  type MattersOptions,
} from '../insight/matters/experts-that-matter.js'
export type { NamedText } from '../insight/texts/text-file.js'
export type { ExpertPlace } from '../insight/usage/awake.js'
export { type MeasureUsageOptions, measureUsage } from '../insight/usage/measure-usage.js'
export type { Reader, TextRoutes } from '../insight/usage/text-routes.js'
export type { ExpertUsage, LayerUsage, MixtureUsage } from '../insight/usage/usage.js'
export type { Mixture, MixtureKind, ModelConfig } from '../model/config/config.js'
export type { ExpertMask, GateSoftmax, MaskedUse } from '../model/config/expert-mask.js'
export type { ExpertsPerToken } from '../model/config/experts-per-token.js'
export { maskSpecs, parseMask } from '../model/config/mask-spec.js'
export type { AlwaysChosen, Routing, RoutingGroups } from '../model/config/routing.js'
export type { PartFormats, Quant } from '../model/packing/format/formats.js'
export { keptFiles, removeKept } from './kept-files.js'
export { type BrowserLoadOptions, loadModel, threadsHere } from './load-model.js'
export type { FetchProgress } from './remote-file.js'
