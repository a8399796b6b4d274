import type { Command } from 'commander'
import { drawAgreement } from '../../../insight/pictures/kinds/agreement-figure.js'
import type { NamedText } from '../../../insight/texts/text-file.js'
import { compareRouting } from '../../../insight/usage/agreement.js'
import { referenceOptions } from '../reference-model.js'
import { agreementCsv } from './csv.js'
import type { ExpertsOptions, Report } from './mode.js'
import { routesOf } from './usage.js'
import { agreementJson } from './usage-json.js'

export function define(command: Command): void {
  command.option('--against <model>', 'compare how this model chooses experts; a checkpoint is loaded in f32')
}

/** Measures two models, one after the other, so that each can use all the memory. */
export async function report(options: ExpertsOptions, texts: NamedText[]): Promise<Report> {
  const { against = '', memory } = options
  const reference = await referenceOptions(against, options)
  const { read: own } = await routesOf(texts, options)
  const { read: others } = await routesOf(texts, { ...options, quant: undefined, ...reference, memory })
  const agreements = own.map((text, i) => compareRouting(text, others[i]))
  return {
    figure: (chosen) => drawAgreement(agreements, chosen),
    json: () => [agreementJson(agreements)],
    csv: () => agreementCsv(agreements),
  }
}
