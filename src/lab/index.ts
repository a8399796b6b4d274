/**
 * `molm/lab`: instruments for experts. They measure what a model predicts and what each expert is worth, compare how models
 * and texts choose, and write models with fewer, other or newly trained experts.
 *
 * @example
 * const model = await loadModel('nano') // of `molm`
 * const score = await evaluateText(model, await readText('prose.txt'))
 */

export type { LayerPass } from '../api/layer-pass.js'
export type { ExpertTraining, PassOptions } from '../api/training.js'
export { type Committee, committeesOf } from '../insight/atlas/committee.js'
export { type Lens, lensOf, type SpokenExpert } from '../insight/lens.js'
export { readText } from '../insight/texts/text-file.js'
export {
  compareRouting,
  type LayerAgreement,
  meanAgreement,
  type RoutingAgreement,
} from '../insight/usage/agreement.js'
export { loadRandomModel, type RandomModelOptions, writeRandomModel } from '../library/random-model.js'
export {
  type AblateOptions,
  type Ablation,
  ablateExperts,
  type ExpertWorth,
  type LayerWorth,
} from './ablation/ablate.js'
export { WAYS, type Way, type Worth } from './ablation/worth.js'
export { atlasJson, type MakeAtlasOptions, makeAtlas } from './atlas/make-atlas.js'
export { originalExperts } from './atlas/originals.js'
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
export { type Contrast, type ContrastedExpert, contrastExperts } from './contrast/contrast.js'
export { confirmedExperts, steering } from './contrast/contrast-forms.js'
export { type ContrastPrompt, pairsOfPrompts, pairsOfTexts } from './contrast/pairs.js'
export type { Agreement } from './evaluation/compare-on-text.js'
export { type EvaluateTaskOptions, evaluateTask, type TaskScore } from './evaluation/evaluate-task.js'
export { type EvaluateTextOptions, evaluateText, type TextScore } from './evaluation/evaluate-text.js'
export { parseTask, type Task, type TaskItem } from './evaluation/task-file.js'
export { drawAblation } from './figures/ablation-figure.js'
export { drawContrast } from './figures/contrast-figure.js'
export { drawPatching } from './figures/patch-figure.js'
export { type Patching, type PatchOptions, patchPrompts } from './patching/patch-prompts.js'
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
export { type ChosenGates, chooseGates } from './teaching/choose-gates.js'
export type { Calibration, CalibrationPoint, GateChoice, GatePoint } from './teaching/gate-bias.js'
export { type MeasuredPlan, planTeaching } from './teaching/prepare.js'
export { type TeachResult, teach } from './teaching/teach.js'
export type { StopReason, TeachEvent, TeachingPlan, TeachingPoint } from './teaching/teach-events.js'
export type { BalanceKind, Init, Layers, TeachOptions } from './teaching/teach-options.js'
export type { TextComparison, TextRegression } from './teaching/text-comparison.js'
export type { Trial } from './teaching/trial.js'
