/**
 * The library: loads a model, runs tokens through it, generates, and shows which experts each token wakes.
 *
 * @example
 * const model = await loadModel('nano')
 * for await (const step of model.createSession().generate('Once')) process.stdout.write(step.text)
 * await model.dispose()
 */

export type * from './api/chat-options.js'
export type * from './api/generation.js'
export { eventsOf, type GenerationEvent, resultOf } from './api/generation-events.js'
export type { LayerPass } from './api/layer-pass.js'
export type * from './api/model.js'
export type * from './api/read-out.js'
export type * from './api/routes.js'
export type * from './api/session.js'
export type { ChatMessage, ChatTemplate, GenerationDefaults, Tokenizer } from './api/text.js'
export type { ExpertTraining, PassOptions } from './api/training.js'
export { UsageError, UserError } from './ground/errors.js'
export { type Atlas, type AtlasCommittee, type AtlasEntry, type AtlasToken, nameIn } from './insight/atlas/atlas.js'
export { type Committee, committeesOf } from './insight/atlas/committee.js'
export { loadAtlas } from './insight/atlas/load-atlas.js'
export { type Lens, lensOf, type SpokenExpert } from './insight/lens.js'
export type { Figure } from './insight/pictures/blocks/figure.js'
export { renderHtml } from './insight/pictures/html/html.js'
export { drawAgreement } from './insight/pictures/kinds/agreement-figure.js'
export { drawAtlas } from './insight/pictures/kinds/atlas-figure.js'
export { drawLens } from './insight/pictures/kinds/lens-figure.js'
export { drawUsage } from './insight/pictures/kinds/usage-figure.js'
export { renderPng } from './insight/pictures/outputs/png.js'
export { type PictureOptions, renderSvg } from './insight/pictures/outputs/svg.js'
export { renderText, type TextOptions } from './insight/pictures/outputs/text.js'
export { type NamedText, readText } from './insight/texts/text-file.js'
export {
  compareRouting,
  type LayerAgreement,
  meanAgreement,
  type RoutingAgreement,
} from './insight/usage/agreement.js'
export type { ExpertPlace } from './insight/usage/awake.js'
export { type MeasureUsageOptions, measureUsage } from './insight/usage/measure-usage.js'
export type { Reader, TextRoutes } from './insight/usage/text-routes.js'
export type { ExpertUsage, LayerUsage, MixtureUsage } from './insight/usage/usage.js'
export {
  type AblateOptions,
  type Ablation,
  ablateExperts,
  type ExpertWorth,
  type LayerWorth,
} from './lab/ablation/ablate.js'
export { WAYS, type Way, type Worth } from './lab/ablation/worth.js'
export { atlasJson, type MakeAtlasOptions, makeAtlas } from './lab/atlas/make-atlas.js'
export { originalExperts } from './lab/atlas/originals.js'
export { type BenchmarkPlan, type BenchmarkRow, benchmark } from './lab/benchmark/benchmark.js'
export {
  type AtBits,
  type BitsLoss,
  type BitsOptions,
  type BitsPoint,
  bitsCurve,
  CURVE_BITS,
  convertAtBits,
} from './lab/bit-budget/convert-at-bits.js'
export { type Contrast, type ContrastedExpert, contrastExperts } from './lab/contrast/contrast.js'
export { confirmedExperts, steering } from './lab/contrast/contrast-forms.js'
export { type ContrastPrompt, pairsOfPrompts, pairsOfTexts } from './lab/contrast/pairs.js'
export type { Agreement } from './lab/evaluation/compare-on-text.js'
export { type EvaluateTaskOptions, evaluateTask, type TaskScore } from './lab/evaluation/evaluate-task.js'
export { type EvaluateTextOptions, evaluateText, type TextScore } from './lab/evaluation/evaluate-text.js'
export { parseTask, type Task, type TaskItem } from './lab/evaluation/task-file.js'
export { drawAblation } from './lab/figures/ablation-figure.js'
export { drawContrast } from './lab/figures/contrast-figure.js'
export type { NumbersByKind, NumbersPoint } from './lab/surgery/experts-per-token-curve.js'
export { type FewerExperts, type FewerExpertsOptions, measureFewerExperts } from './lab/surgery/fewer-experts.js'
export { type Grafted, type GraftOptions, graftModel } from './lab/surgery/graft.js'
export {
  type BeforeAndAfter,
  type Pruned,
  type PruneOptions,
  type PruningPoint,
  pruneCurve,
  pruneModel,
} from './lab/surgery/prune.js'
export { SCORES, type Score } from './lab/surgery/saliency.js'
export { keepShares, type Selection } from './lab/surgery/selection.js'
export { type ChosenGates, chooseGates } from './lab/teaching/choose-gates.js'
export type { Calibration, CalibrationPoint, GateChoice, GatePoint } from './lab/teaching/gate-bias.js'
export { type MeasuredPlan, planTeaching } from './lab/teaching/prepare.js'
export { type TeachResult, teach } from './lab/teaching/teach.js'
export type { StopReason, TeachEvent, TeachingPlan, TeachingPoint } from './lab/teaching/teach-events.js'
export type { BalanceKind, Init, Layers, TeachOptions } from './lab/teaching/teach-options.js'
export type { TextComparison, TextRegression } from './lab/teaching/text-comparison.js'
export type { Trial } from './lab/teaching/trial.js'
export type { CalibrationTexts } from './library/calibration.js'
export { type ConvertOptions, convertModel } from './library/convert-model.js'
export type { DiskNeed, PullPlan } from './library/hub/plan.js'
export type { PullOptions, PullProgress } from './library/hub/pull-options.js'
export type { PulledModel } from './library/hub/pulled-model.js'
export type { NetworkOptions } from './library/hub/transfer/retry.js'
export { findPulled, type InstalledModel, listModels, removeModel } from './library/installed-models.js'
export { type Computer, type KnownModel, knownModel, knownModels } from './library/known-models.js'
export { describeModel, loadModel } from './library/load-model.js'
export { type ModelPullOptions, pullModel } from './library/pull-model.js'
export { loadRandomModel, type RandomModelOptions, writeRandomModel } from './library/random-model.js'
export type { CalibrationText } from './library/rounding/text-windows.js'
export type { MachineSpeed } from './library/speed/measure-machine.js'
export type { ModelSpeed } from './library/speed/predict-speed.js'
export { followsBranch, updateModel } from './library/update-model.js'
export { verifyModel } from './library/verify-model.js'
export type { Mixture, MixtureKind, ModelConfig } from './model/config/config.js'
export type { ExpertMask, GateSoftmax, MaskedUse } from './model/config/expert-mask.js'
export type { ExpertsPerToken } from './model/config/experts-per-token.js'
export { maskSpecs, parseMask } from './model/config/mask-spec.js'
export type { AlwaysChosen, Routing, RoutingGroups } from './model/config/routing.js'
export type { PartFormats, Quant } from './model/packing/format/formats.js'
export type { CalibrationRecord } from './model/packing/format/packed-metadata.js'
export type { Conversion, ConvertProgress } from './model/packing/write/convert.js'
