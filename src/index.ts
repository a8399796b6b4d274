/**
 * The library: loads a model, runs tokens through it, generates, and shows which experts each token wakes. `molm/lab` has
 * the instruments, `molm/pictures` the figures.
 *
 * @example
 * const model = await loadModel('nano')
 * for await (const step of model.createSession().generate('Once')) process.stdout.write(step.text)
 * await model.dispose()
 */

export type * from './api/chat-options.js'
export type * from './api/generation.js'
export { eventsOf, type GenerationEvent, resultOf } from './api/generation-events.js'
export type * from './api/model.js'
export type * from './api/read-out.js'
export type * from './api/routes.js'
export type * from './api/session.js'
export type { ChatMessage, ChatTemplate, GenerationDefaults, Tokenizer } from './api/text.js'
export { UsageError, UserError } from './ground/errors.js'
export { type Atlas, type AtlasCommittee, type AtlasEntry, type AtlasToken, nameIn } from './insight/atlas/atlas.js'
export { loadAtlas } from './insight/atlas/load-atlas.js'
export { readInterventions } from './insight/interventions/read-interventions.js'
export {
  expertsThatMatter,
  type MatteringExpert,
  type Matters,
  type MattersOptions,
} from './insight/matters/experts-that-matter.js'
export type { NamedText } from './insight/texts/text-file.js'
export type { ExpertPlace } from './insight/usage/awake.js'
export { type MeasureUsageOptions, measureUsage } from './insight/usage/measure-usage.js'
export type { Reader, TextRoutes } from './insight/usage/text-routes.js'
export type { ExpertUsage, LayerUsage, MixtureUsage } from './insight/usage/usage.js'
export type { CalibrationTexts } from './library/calibration.js'
export { type ConvertOptions, convertModel } from './library/convert-model.js'
export { describeModel, verifyModel } from './library/describe-model.js'
export type { PullPlan } from './library/hub/plan.js'
export type { PullOptions, PullProgress } from './library/hub/pull-options.js'
export type { PulledModel } from './library/hub/pulled-model.js'
export type { NetworkOptions } from './library/hub/transfer/retry.js'
export { findPulled, type InstalledModel, listModels, removeModel } from './library/installed-models.js'
export { type Computer, type KnownModel, knownModel, knownModels } from './library/known-models.js'
export { loadModel } from './library/load-model.js'
export type { MachineSpeed } from './library/machine/machine-speed.js'
export type { ModelSpeed } from './library/machine/predict-speed.js'
export { followsBranch, type ModelPullOptions, pullModel, updateModel } from './library/pull-model.js'
export type { Mixture, MixtureKind, ModelConfig } from './model/config/config.js'
export type { ExpertMask, GateSoftmax, MaskedUse } from './model/config/expert-mask.js'
export type { ExpertsPerToken } from './model/config/experts-per-token.js'
export type { Intervention } from './model/config/intervention.js'
export { maskSpecs, parseMask } from './model/config/mask-spec.js'
export type { AlwaysChosen, Routing, RoutingGroups } from './model/config/routing.js'
export type { PartFormats, Quant } from './model/packing/format/formats.js'
export type { CalibrationRecord } from './model/packing/format/packed-metadata.js'
export type { Conversion, ConvertProgress } from './model/packing/write/convert.js'
