import type { Model } from '../../api/model.js'
import { UserError } from '../../ground/errors.js'

export function checkLanguageModel(model: Pick<Model, 'name' | 'config'>): void {
  if (model.config.architecture === 'causal-lm') return
  throw new UserError(`${model.name} is a sequence classifier and predicts no tokens; \`molm classify\` runs it`)
}
