import type { FileSet } from '../checkpoint/byte-source.js'
import { UserError } from '../errors.js'

/** No files. */
export const NO_FILES: FileSet = {
  name: '',
  list: async () => [],
  open: async (file) => {
    throw new UserError(`${file}: there is no such file`)
  },
}
