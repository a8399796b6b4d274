/**
 * The library: loads a model, runs tokens through it, generates, and shows which experts each token wakes.
 *
 * @example
 * const model = await loadModel('nano')
 * for await (const step of model.createSession().generate('Once')) process.stdout.write(step.text)
 * await model.dispose()
 */

export {
  type AblateOptions,
  type Ablation,
  ablateExperts,
  type ExpertWorth,
  type LayerWorth,
} from './ablation/ablate.js'
export { WAYS, type Way, type Worth } from './ablation/worth.js'
export type * from './api/chat.js'
export type * from './api/generation.js'
export { eventsOf, type GenerationEvent, resultOf } from './api/generation-events.js'
export type { LayerPass } from './api/layer-pass.js'
export type * from './api/model.js'
export type * from './api/routes.js'
export type * from './api/session.js'
export type { ChatMessage, ChatTemplate, GenerationDefaults, Tokenizer } from './api/text.js'
export type { ExpertTraining, PassOptions } from './api/training.js'
export { type BenchmarkPlan, type BenchmarkRow, benchmark } from './benchmark/benchmark.js'
export {
  type AtBits,
  type BitsLoss,
  type BitsOptions,
  type BitsPoint,
  bitsCurve,
  CURVE_BITS,
  convertAtBits,
} from './bit-budget/convert-at-bits.js'
export { UsageError, UserError } from './errors.js'
export type { Agreement } from './evaluation/compare-on-text.js'
export { type EvaluateTaskOptions, evaluateTask, type TaskScore } from './evaluation/evaluate-task.js'
export { type EvaluateTextOptions, evaluateText, type TextScore } from './evaluation/evaluate-text.js'
export { parseTask, type Task, type TaskItem } from './evaluation/task-file.js'
export { type NamedText, readText } from './evaluation/text-file.js'
export {
  compareRouting,
  type LayerAgreement,
  meanAgreement,
  type RoutingAgreement,
} from './experts/agreement.js'
export { type Atlas, type AtlasCommittee, type AtlasEntry, type AtlasToken, nameIn } from './experts/atlas.js'
export type { ExpertPlace } from './experts/awake.js'
export { type Committee, committeesOf } from './experts/committee.js'
export { loadAtlas } from './experts/load-atlas.js'
export { atlasJson, type MakeAtlasOptions, makeAtlas } from './experts/make-atlas.js'
export { type MeasureUsageOptions, measureUsage } from './experts/measure-usage.js'
export { originalExperts } from './experts/originals.js'
export type { Reader, TextRoutes } from './experts/text-routes.js'
export type { ExpertUsage, LayerUsage, MixtureUsage } from './experts/usage.js'
export type { DiskNeed, PullPlan } from './hub/plan.js'
export type { PullOptions, PullProgress } from './hub/pull-options.js'
export type { PulledModel } from './hub/pulled-model.js'
export type { NetworkOptions } from './hub/retry.js'
export type { CalibrationTexts } from './library/calibration.js'
export { type ConvertOptions, convertModel } from './library/convert-model.js'
export { findPulled, type InstalledModel, listModels, removeModel } from './library/installed-models.js'
export { describeModel, loadModel } from './library/load-model.js'
export { type ModelPullOptions, pullModel } from './library/pull-model.js'
export { loadRandomModel, type RandomModelOptions, writeRandomModel } from './library/random-model.js'
export { type SuggestedModel, suggestedModels } from './library/suggested-models.js'
export { verifyModel } from './library/verify-model.js'
export type { Mixture, MixtureKind, ModelConfig } from './model/config.js'
export type { ExpertMask, GateSoftmax, MaskedUse } from './model/expert-mask.js'
export type { ExpertsPerToken } from './model/experts-per-token.js'
export { maskSpecs, parseMask } from './model/mask-spec.js'
export type { AlwaysChosen, Routing, RoutingGroups } from './model/routing.js'
export type { PartFormats, Quant } from './packing/format/formats.js'
export type { CalibrationRecord } from './packing/format/packed-metadata.js'
export type { Conversion, ConvertProgress } from './packing/write/convert.js'
export { drawAblation } from './pictures/ablation-figure.js'
export { drawAgreement } from './pictures/agreement-figure.js'
export { drawAtlas } from './pictures/atlas-figure.js'
export type { Figure } from './pictures/figure.js'
export { renderHtml } from './pictures/html.js'
export { renderPng } from './pictures/png.js'
export { type PictureOptions, renderSvg } from './pictures/svg.js'
export { renderText, type TextOptions } from './pictures/text.js'
export { drawUsage } from './pictures/usage-figure.js'
export type { CalibrationText } from './rounding/text-windows.js'
export type { NumbersByKind, NumbersPoint } from './surgery/experts-per-token-curve.js'
export { type FewerExperts, type FewerExpertsOptions, measureFewerExperts } from './surgery/fewer-experts.js'
export { type Grafted, type GraftOptions, graftModel } from './surgery/graft.js'
export {
  type BeforeAndAfter,
  type Pruned,
  type PruneOptions,
  type PruningPoint,
  pruneCurve,
  pruneModel,
} from './surgery/prune.js'
export { SCORES, type Score } from './surgery/saliency.js'
export { keepShares, type Selection } from './surgery/selection.js'
export type { Calibration, CalibrationPoint } from './teaching/gate-bias.js'
export { type MeasuredPlan, planTeaching } from './teaching/prepare.js'
export { type TeachResult, teach } from './teaching/teach.js'
export type { StopReason, TeachEvent, TeachingPlan, TeachingPoint } from './teaching/teach-events.js'
export type { Init, Layers, SteeringKind, TeachOptions } from './teaching/teach-options.js'
export type { TextComparison, TextRegression } from './teaching/text-comparison.js'
