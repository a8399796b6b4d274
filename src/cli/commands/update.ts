import type { Command } from 'commander'
import { UserError } from '../../ground/errors.js'
import { formatBytes } from '../../ground/numbers.js'
import { printable } from '../../ground/printable.js'
import { snakeCaseKeys } from '../../ground/spelling.js'
import type { InstalledModel, PullPlan } from '../../index.js'
import { interruptSignal } from '../io/interrupt.js'
import { note, type OutputOptions, writeJson, writeOut } from '../io/output.js'
import { addOutputOptions, addThreadsOption, FIRST } from '../parsing/options.js'
import { createPullDisplay, type PullDisplay } from '../reports/pull-display.js'

interface UpdateOptions extends OutputOptions {
  dryRun?: boolean
  token?: string
  threads?: number
  json?: boolean
}

/** Result of an update. */
interface Outcome {
  model: string
  state: 'current' | 'changed' | 'updated' | 'failed'
  commit?: string
  /** Bytes of weights that are fetched, and that a pull of everything would fetch. */
  fetchBytes?: number
  wholeBytes?: number
  error?: string
}

export function define(command: Command): void {
  addThreadsOption(
    command
      .description(
        'Fetches what has changed of pulled models: files that the hub’s checksums show to be others than before. ' +
          `The model that is here stays whole until the new one is.\n${EXAMPLES}`,
      )
      .argument('[name...]', 'models as `molm list` names them (default: all that were pulled)')
      .addHelpText('after', NOTES)
      .action(update)
      .option('-n, --dry-run', 'only print what has changed, and the bytes to fetch')
      .option('--token <token>', 'access token (default: $HF_TOKEN, or the token of a login)')
      .option('--json', 'print an object for each model')
      .optionsGroup('Packing:'),
  ).optionsGroup(FIRST)
  addOutputOptions(command)
}

const NOTES = `
A model follows the branch that it was pulled from, and stays if that was a
commit. Without names, models that cannot be updated are left out.
--json prints { model, state, commit, fetch_bytes, whole_bytes, error }; state
is "current", "changed" (with --dry-run), "updated" or "failed".`

const EXAMPLES = `
Examples:
  molm update --dry-run
  molm update
  molm update ibm-granite/granite-3.1-1b-a400m-instruct`

async function update(names: string[], options: UpdateOptions): Promise<void> {
  const display = createPullDisplay({ ...options, quiet: options.quiet || options.json })
  let failures = 0
  for (const model of await modelsNamed(names)) {
    const outcome = await outcomeOf(model, options, display)
    display.clear()
    if (outcome.state === 'failed') failures++
    if (options.json) await writeJson(snakeCaseKeys(outcome))
    else if (outcome.error !== undefined) note(outcome.error)
    else await writeOut(`${printable(model.name)}: ${inWords(outcome)}\n`)
  }
  if (failures > 0) process.exitCode = 1
}

/** The models that the names mean; without names, all models that can be updated. Rejects with a UserError about a name. */
async function modelsNamed(names: readonly string[]): Promise<InstalledModel[]> {
  const { findPulled, followsBranch, listModels } = await import('../../index.js')
  if (names.length > 0) {
    const found = await Promise.all(names.map(findPulled))
    // The rest of an interrupted pull is no model beside a whole one.
    const isWhole = ({ state }: InstalledModel) => state !== 'partial'
    return found.flatMap((models) => (models.some(isWhole) ? models.filter(isWhole) : models))
  }
  const models = (await listModels()).filter(followsBranch)
  if (models.length === 0) throw new UserError('no pulled models to update; `molm pull` lists models to fetch')
  return models
}

async function outcomeOf(model: InstalledModel, options: UpdateOptions, display: PullDisplay): Promise<Outcome> {
  const { updateModel } = await import('../../index.js')
  const { threads, token, dryRun } = options
  let plan: PullPlan | undefined
  const planned = (state: Outcome['state'], error?: string): Outcome => {
    const { commit, fetchBytes, files } = plan ?? {}
    const wholeBytes = files?.reduce((sum, { bytes }) => sum + bytes, 0)
    return { model: model.name, state, commit, fetchBytes, wholeBytes, error }
  }
  try {
    const { wasHere, commit, warnings } = await updateModel(model, {
      ...{ threads, token, signal: interruptSignal() },
      onPlan: (made) => {
        plan = made
        if (dryRun) throw new OnlyPlanned()
        display.plan(made)
      },
      onProgress: (progress) => display.progress(progress),
      onNote: (message) => display.note(message),
    })
    for (const warning of warnings) display.note(`warning: ${warning}`)
    return { ...planned(wasHere ? 'current' : 'updated'), commit }
  } catch (error) {
    if (error instanceof OnlyPlanned) return planned('changed')
    if (error instanceof UserError) return planned('failed', error.message)
    throw error
  }
}

/** Ends a pull that was only to be planned. */
class OnlyPlanned extends Error {}

function inWords({ state, commit = '', fetchBytes = 0, wholeBytes = 0 }: Outcome): string {
  const at = commit.slice(0, 7)
  if (state === 'current') return `up to date at ${at}`
  const bytes = `${formatBytes(fetchBytes)} of ${formatBytes(wholeBytes)}`
  return state === 'updated' ? `updated to ${at}; ${bytes} fetched` : `has changed to ${at}; ${bytes} to fetch`
}
