import { resolve } from 'node:path'
import type { Command } from 'commander'
import { optionsIn } from '../../api/generation-options.js'
import type { ModelInfo } from '../../api/model.js'
import { UsageError } from '../../ground/errors.js'
import { snakeCaseKeys } from '../../ground/spelling.js'
import type { Quant } from '../../model/packing/format/formats.js'
import { interruptSignal } from '../io/interrupt.js'
import { note, type OutputOptions, writeJson, writeOut } from '../io/output.js'
import { addModelOption, addOutputOptions, addQuantOption, FIRST, modelName } from '../parsing/options.js'
import { modelCard } from '../reports/model-card.js'

interface ShowOptions extends OutputOptions {
  model?: string
  quant?: Quant
  json?: boolean
  verify?: boolean
}

export function define(command: Command): void {
  addModelOption(command)
    .optionsGroup(FIRST)
    .description(
      'Describes a model without loading it: shape, parameters, bytes by part, tokenizer and source; of a GGUF file ' +
        `also the types of its tensors, and what each is packed as.\n${EXAMPLES}`,
    )
    .argument('[model]')
    .option('--json', 'print one object')
    .option('--verify', 'compare all of a packed model with its checksums')
    .action(show)
  addQuantOption(command.optionsGroup('Model:'), 'as if loaded in this format')
  addOutputOptions(command)
}

const EXAMPLES = `
Examples:
  molm show nano
  molm show ./MoLM-350M-4B --quant q8 --json
  molm show ./granite-Q4_K_M.gguf`

async function show(named: string | undefined, options: ShowOptions): Promise<void> {
  if (named && options.model && named !== options.model) {
    throw new UsageError(`'${named}' and --model ${options.model} are two models; name one`)
  }
  const { describeModel, verifyModel } = await import('../../index.js')
  const info = await describeModel(modelName(named ?? options.model), { quant: options.quant })
  if (options.verify) {
    const { parts } = await verifyModel(info.copy ?? info.path, { quant: options.quant, signal: interruptSignal() })
    if (!options.quiet) note(`${info.copy ?? info.path}: all ${parts} parts match their checksums`)
  }
  await (options.json ? writeJson(asJson(info)) : writeOut(modelCard(info, info.config)))
}

function asJson(info: ModelInfo): object {
  const { name, path, kind, quant, formats, source, sourceRevision, stored, copy, taught, calibration } = info
  const { parameters, activeParameters, bytes, activeBytes, parts, tokenizerSize, hasChatTemplate } = info
  const { trainedContext, raw } = info.config
  const described = snakeCaseKeys({
    ...{ model: name, path: resolve(path), kind, quant, formats, source, sourceRevision, stored, copy, taught },
    ...{ calibration, parameters, activeParameters, bytes, activeBytes, parts },
    tokenizer: tokenizerSize === undefined ? null : { size: tokenizerSize, chatTemplate: hasChatTemplate },
    trainedContext,
    defaults: optionsIn(info.generationDefaults),
  })
  return { ...described, config: raw }
}
