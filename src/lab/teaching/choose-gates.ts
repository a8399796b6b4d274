import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError } from '../../ground/errors.js'
import { whileOpen } from '../../ground/files/byte-source.js'
import { formatPercent } from '../../ground/numbers.js'
import { useModel } from '../../insight/texts/reading.js'
import { resolveModel } from '../../library/finding/resolve-model.js'
import { loadModel } from '../../library/load-model.js'
import { asOnlyWriter } from '../../model/packing/write/only-writer.js'
import { molmExperts } from '../surgery/derived-config.js'
import { writeDerivedModel } from '../surgery/derived-model.js'
import { PackedModel } from '../surgery/packed-model.js'
import type { BeforeAndAfter } from '../surgery/prune.js'
import { biasesOf, choiceAt, type GateChoice, type GatePoint } from './gate-bias.js'
import { gatesOf, lastAccount, parseTeachingCsv, type TeachingAccount, teachingSvg } from './records.js'
import { checkForget } from './teach-options.js'
import { type Trial, tryModel } from './trial.js'

export interface ChosenGates {
  path: string
  choice: GateChoice
  /** Points that the teaching measured, in falling order of the bias. */
  curve: GatePoint[]
  /** Names of the texts that were taught, and the perplexity of their held-out tenth. */
  texts: string[]
  perplexity: BeforeAndAfter
  trial: Trial
}

/**
 * Chooses the gates of a taught model's newest experts again, without training, from its teaching's measurements:
 * the nearest to open that `forget` accepts. Replaces the model in its folder, and tries it. Rejects with a UserError
 * if the model has no such measurements, or if none of them is within `forget`.
 *
 * @example
 * const { trial } = await chooseGates('./nano-recipes', { forget: 0.05 })
 * trial.text     // what it writes now
 */
export async function chooseGates(
  name: string,
  { forget, ...options }: { forget: number; threads?: number; signal?: AbortSignal },
): Promise<ChosenGates> {
  checkForget('forget', forget ?? null)
  const { folder, path, config, file } = await resolveModel(name)
  lastAccount(name, file?.metadata.taught)
  return asOnlyWriter(folder, async () => {
    const chosen = await whileOpen(PackedModel.open(folder, path, config), (packed) => writeGates(name, packed, forget))
    return useModel(await loadModel(path, options), async (model) => {
      const { account, ...gates } = chosen
      const { before, after } = account.held_out_loss
      const perplexity = { before: Math.exp(before), after: Math.exp(after) }
      const trial = await tryModel(model, account, options.signal)
      return { path, ...gates, texts: account.texts, perplexity, trial }
    })
  })
}

async function writeGates(
  name: string,
  packed: PackedModel,
  forget: number,
): Promise<Pick<ChosenGates, 'choice' | 'curve'> & { account: TeachingAccount }> {
  const { config, folder, file } = packed
  const accounts = file.metadata.taught ?? []
  const last = lastAccount(name, accounts)
  const curve = gatesOf(last)
  const choice = choiceAt(curve, forget)
  if (!choice.isWithinLimit) {
    throw new UserError(
      `${name}: no gates cost as little as ${formatPercent(forget)}; the least is ${formatPercent(choice.cost)}`,
    )
  }
  const { bias, heldOutLoss } = choice
  const after = {
    gate_bias: bias,
    forget,
    is_within: true,
    held_out_loss: { ...last.held_out_loss, after: heldOutLoss },
  }
  const account = { ...last, ...after }
  const { kind, layers, experts } = account
  const biases = biasesOf(bias, layers)
  const steps = await readFile(join(folder, 'teaching.csv'), 'utf8').catch(() => undefined)
  await writeDerivedModel(packed, folder, {
    experts: molmExperts(config, {
      count: (mixture, layer) => mixture.experts[layer],
      gateBias: config.gateBias || bias !== 0,
    }),
    files: steps === undefined ? {} : { 'teaching.svg': teachingSvg(parseTeachingCsv(steps), account) },
    rows: (mixture, { layer }, rows) => {
      if (mixture.kind !== kind || !layers.includes(layer)) return rows
      const [first, end] = [mixture.experts[layer] - experts, mixture.experts[layer]]
      return rows.map((row, id) => (id >= first && id < end ? { ...row, bias: biases[layer] } : row))
    },
    taught: accounts.with(-1, account),
  })
  return { choice, curve, account }
}
