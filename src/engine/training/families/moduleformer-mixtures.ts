import type { MixtureKind } from '../../../model/config/config.js'
import type { ModuleFormerConfig } from '../../../model/families/moduleformer/moduleformer-config.js'
import { MixtureTraining } from '../layers/mixture-training.js'
import { TrainedCosineLogits } from '../layers/trained-cosine-logits.js'
import { TrainedLinearLogits, TrainedMlpLogits } from '../layers/trained-logits.js'
import type { TrainingWorkspace } from '../layers/training-workspace.js'

/** Creates one of ModuleFormer's two mixtures for training, with the kind of router that the config names. */
export function mixtureOf(
  { gateType, gatingSize, mixtures }: ModuleFormerConfig,
  workspace: TrainingWorkspace,
  kind: MixtureKind,
): MixtureTraining {
  const mixture = mixtures[kind === 'attention' ? 0 : 1]
  const trained = mixture.experts.map((_, layer) => workspace.trained(layer, kind)?.ids.length ?? 0)
  const most = Math.max(...trained)
  const logits =
    gateType === 'linear'
      ? new TrainedLinearLogits(workspace, mixture, most)
      : new (gateType === 'mlp' ? TrainedMlpLogits : TrainedCosineLogits)(workspace, mixture, most, gatingSize)
  return new MixtureTraining(workspace, mixture, logits)
}
