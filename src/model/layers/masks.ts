import type { ModelConfig } from '../config/config.js'
import { type ExpertMask, type LayerMasks, layerMasks } from '../config/expert-mask.js'

/** Masks of experts: one for all sequences, and one for each sequence that has its own. */
export class Masks {
  private forAll?: ExpertMask
  private ofOthers?: LayerMasks
  /** Own masks of sequences, joined with the one for all. */
  private joined = new WeakMap<ExpertMask, LayerMasks>()

  constructor(private config: ModelConfig) {}

  /** Sets the mask for all sequences. Throws a UserError, and changes nothing, if it does not fit the model. */
  set(mask: ExpertMask | undefined): void {
    this.ofOthers = mask && layerMasks([mask], this.config)
    this.forAll = mask
    this.joined = new WeakMap()
  }

  /** Fits the masks to other numbers of experts per token. Throws a UserError, and changes nothing, if too few are left. */
  fit(config: ModelConfig): void {
    this.ofOthers = this.forAll && layerMasks([this.forAll], config)
    this.config = config
    this.joined = new WeakMap()
  }

  /** Masks of a sequence. Throws a UserError if its own one does not fit, or if both leave too few experts. */
  of(own: ExpertMask | undefined): LayerMasks | undefined {
    if (!own) return this.ofOthers
    const masks = this.joined.get(own) ?? layerMasks(this.forAll ? [this.forAll, own] : [own], this.config)
    this.joined.set(own, masks)
    return masks
  }
}
