import type { Command } from 'commander'
import { UsageError, UserError } from '../../ground/errors.js'
import { formatBytes } from '../../ground/numbers.js'
import { printable } from '../../ground/printable.js'
import { askUser } from '../io/ask-user.js'
import { interruptSignal } from '../io/interrupt.js'
import { note, type OutputOptions } from '../io/output.js'
import { addOutputOptions } from '../parsing/options.js'

export function define(command: Command): void {
  command
    .description(
      'Removes a pulled model with all its packings, or one packing. Of a GGUF file, only the packed copies are ' +
        `removed. Asks first.\n${EXAMPLES}`,
    )
    .argument('<model>', 'owner/name, owner/name:q8 for one packing, or a GGUF file as `molm list` names it')
    .option('-y, --yes', 'do not ask')
    .action(remove)
  addOutputOptions(command)
}

const EXAMPLES = `
Examples:
  molm rm ibm-research/MoLM-350M-4B:q8
  molm rm ibm-research/MoLM-350M-4B --yes
  molm rm ./granite-Q4_K_M.gguf`

async function remove(name: string, options: OutputOptions & { yes?: boolean }): Promise<void> {
  const { findPulled, removeModel } = await import('../../index.js')
  const models = await findPulled(name)
  const bytes = formatBytes(models.reduce((sum, model) => sum + model.bytes, 0))
  const what = models.map(({ quant, state }) => quant ?? state).join(', ')
  const isCopy = models.every(({ gguf }) => gguf !== undefined)
  const subject = `${isCopy ? 'the packed copy of ' : ''}${printable(name)} (${what}; ${bytes})`
  if (!options.yes) await askFirst(`remove ${subject}?`)
  await removeModel(name)
  if (!options.quiet) note(`removed ${subject}`)
}

/** Rejects unless the user says yes. */
async function askFirst(question: string): Promise<void> {
  const answer = await askUser(`${question} [y/N] `, interruptSignal())
  if (answer === undefined) throw new UsageError('there is no terminal to ask at: give --yes to remove it')
  if (!/^y(es)?$/i.test(answer.trim())) throw new UserError('nothing was removed')
}
