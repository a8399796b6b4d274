import type { Command } from 'commander'
import { UsageError } from '../../ground/errors.js'
import type { NamedText } from '../../insight/texts/text-file.js'
import { readTextOrStdin } from '../io/input-text.js'

/** Values of `--calibrate`: true without any. */
export type CalibrationFiles = true | string[]

/** Word for the text that the model writes itself. */
const OWN = 'default'

/** Adds `--calibrate`; `more` follows in its help. */
export function addCalibrateOption(command: Command, more = ''): Command {
  return command.option(
    '--calibrate [file...]',
    `round q4 weights by the inputs that they have in these texts (default: in one that the model writes)${more}`,
  )
}

/** Reads the texts that `--calibrate` names; true for the model's own text, undefined without the option. */
export async function calibrationTexts(files: CalibrationFiles | undefined): Promise<true | NamedText[] | undefined> {
  if (files === undefined || files === true) return files
  if (!files.includes(OWN)) return Promise.all(files.map(readTextOrStdin))
  if (files.length === 1) return true
  throw new UsageError(`--calibrate: ${OWN} is the model’s own text; name it alone, or only files`)
}
