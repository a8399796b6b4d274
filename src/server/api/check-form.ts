import type { Model } from '../../api/model.js'
import { Busy, UserError } from '../../errors.js'
import { ApiError } from '../common/api-error.js'
import { withFields } from '../http/errors.js'

/**
 * Checks the form of an answer before a stream begins, since its status cannot change later. Rejects with an ApiError that
 * names the field, or with Busy.
 */
export async function checkForm(
  model: Model,
  options: Parameters<Model['checkConstraint']>[0],
  field: string | undefined,
): Promise<void> {
  if (field === undefined) return
  try {
    await model.checkConstraint(options)
  } catch (error) {
    if (!(error instanceof UserError) || error instanceof Busy) throw error
    throw new ApiError(400, withFields(error.message), { param: field })
  }
}
