import type { Model } from '../../api/model.js'
import { UserError } from '../../errors.js'
import { ApiError } from '../common/api-error.js'
import { withFields } from '../http/errors.js'

/**
 * Checks the form of an answer before a stream begins, since its status cannot change later. Rejects with an ApiError that
 * names the field.
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
    throw error instanceof UserError ? new ApiError(400, withFields(error.message), { param: field }) : error
  }
}
