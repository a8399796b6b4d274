import type { Step } from '../../../api/generation.js'
import type { Model } from '../../../api/model.js'
import { type Awake, awakeIn, awakeSentence } from '../../../insight/usage/awake.js'
import { ExpertUsage } from '../../../insight/usage/usage.js'

/** Counts the experts that the tokens of an answer wake. */
export class AwakeCount {
  private readonly usage: ExpertUsage

  constructor({ config }: Pick<Model, 'config'>) {
    this.usage = new ExpertUsage(config)
  }

  /** Adds a token; one that was not read wakes no experts. */
  add({ routes }: Pick<Step, 'routes'>): void {
    if (routes) this.usage.add(routes, 1)
  }

  get counts(): Awake {
    return awakeIn(this.usage)
  }

  get sentence(): string {
    return this.usage.mixtures.length === 0 ? 'the model has no experts' : awakeSentence(this.usage)
  }
}

/** A count for an answer whose options ask for its experts; undefined if they do not, since routes take time. */
export function awakeCountFor(
  { experts, stats }: { experts?: boolean; stats?: boolean },
  model: Pick<Model, 'config'>,
): AwakeCount | undefined {
  return experts || stats ? new AwakeCount(model) : undefined
}
