import { resolve } from 'node:path'
import type { Command } from 'commander'
import { OPTION_NAMES, optionsIn, typedName } from '../../api/generation-options.js'
import type { ModelInfo, StoredType, Teaching } from '../../api/model.js'
import { UsageError } from '../../ground/errors.js'
import { formatBytes, formatCount, plural } from '../../ground/numbers.js'
import { alignColumns } from '../../ground/output/table.js'
import { printable } from '../../ground/printable.js'
import { snakeCaseKeys } from '../../ground/spelling.js'
import { type Mixture, type MixtureKind, type ModelConfig, mixtureOf } from '../../model/config/config.js'
import { rangeOfUsed, usedPerToken } from '../../model/config/experts-per-token.js'
import type { Quant } from '../../model/packing/format/formats.js'
import { interruptSignal } from '../io/interrupt.js'
import { note, type OutputOptions, writeJson, writeOut } from '../io/output.js'
import { addModelOption, addOutputOptions, addQuantOption, FIRST, modelName } from '../parsing/options.js'

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

function modelCard(info: ModelInfo, config: ModelConfig): string {
  const sections = [
    alignColumns(facts(info, config)),
    alignColumns(shape(info, config)),
    partsTable(info),
    ...(info.stored ? [storedTable(info.stored)] : []),
  ]
  return `${printable(info.name, Infinity)}\n${sections.join('\n')}`
}

function facts(info: ModelInfo, { architecture, textPartOf }: ModelConfig): string[][] {
  const { family, path, kind, quant, source, sourceRevision, parameters, activeParameters, bytes, activeBytes, copy } =
    info
  const origin = source === undefined ? [] : [['source', sourceRevision ? `${source} at ${sourceRevision}` : source]]
  const weights = { packed: `packed as ${quant}`, gguf: `GGUF, ${quant} when packed` }[String(kind)]
  return [
    ['kind', `${family}, ${architecture === 'classifier' ? 'classifier' : 'language model'}`],
    ...(textPartOf === undefined ? [] : [['part', `text of ${printable(textPartOf)}; images and sound are left out`]]),
    ['parameters', `${formatCount(parameters)}; a token uses ${formatCount(activeParameters)}`],
    [
      'weights',
      `${weights ?? `checkpoint, ${quant} when loaded`}: ${formatBytes(bytes)}; a token reads ${formatBytes(activeBytes)}`,
    ],
    ['tokenizer', tokenizerLine(info)],
    ['path', resolve(path)],
    ...(copy === undefined || kind === 'packed' ? [] : [['packed copy', copy]]),
    ...defaultsOf(info),
    ...origin,
    ...(info.calibration ? [['calibrated', calibrationLine(info.calibration)]] : []),
    ...(info.taught ?? []).map((teaching) => ['taught', taughtLine(teaching)]),
  ]
}

/** `1 mlp expert in each of the layers 3 to 5, from recipes.txt: 120 steps, 245 k tokens, perplexity of held-out text 3800 to 61`. */
export function taughtLine({ texts, kind, layers, experts, steps, tokens, heldOutLoss }: Teaching): string {
  const [least, most] = [Math.min(...layers), Math.max(...layers)]
  const areAll = layers.length > 2 && most - least === layers.length - 1
  const listed = areAll ? `${least} to ${most}` : layers.join(', ').replace(/, (\d+)$/, ' and $1')
  const place = layers.length < 2 ? `layer ${listed}` : `each of the layers ${listed}`
  const learnt = heldOutLoss
    ? `, perplexity of held-out text ${Math.exp(heldOutLoss.before).toPrecision(3)} to ${Math.exp(heldOutLoss.after).toPrecision(3)}`
    : ''
  const from = texts.map((text) => printable(text)).join(', ')
  return `${plural(experts, `${kind} expert`)} in ${place}, from ${from}: ${plural(steps, 'step')}, ${formatCount(tokens)} tokens${learnt}`
}

/** `with letters.txt (SHA-256 1f2e3d4c5b6a..) and code.py (..): 8 k tokens; 3 experts saw none of them`. */
function calibrationLine({ texts, tokens, unseen }: NonNullable<ModelInfo['calibration']>): string {
  const named = texts.map(({ name, sha256 }) => `${printable(name)} (SHA-256 ${sha256.slice(0, 12)}..)`)
  const saw = unseen === 0 ? '' : `; ${plural(unseen, 'expert')} saw none of them`
  return `with ${named.join(', ')}: ${formatCount(tokens)} tokens${saw}`
}

/** The model's own defaults of a generation, as options of `molm run`; empty if it has none. */
function defaultsOf({ generationDefaults }: ModelInfo): string[][] {
  const wanted = OPTION_NAMES.filter((name) => name in generationDefaults)
  const words = wanted.flatMap((name) =>
    [generationDefaults[name as keyof typeof generationDefaults]]
      .flat()
      .map((value) => `--${typedName(name)} ${typeof value === 'string' ? JSON.stringify(value) : value}`),
  )
  return words.length === 0 ? [] : [['defaults', words.join(' ')]]
}

function tokenizerLine({ tokenizerSize, hasChatTemplate }: ModelInfo): string {
  if (tokenizerSize === undefined) return 'none; tokens go in and out as ids'
  return `${tokenizerSize} tokens, ${hasChatTemplate ? 'with' : 'without'} chat template`
}

function shape({ shape: { attention, mlp, router } }: ModelInfo, config: ModelConfig): string[][] {
  const { layers, width, vocabSize, trainedContext, maxPositions } = config
  const context =
    maxPositions === undefined
      ? `trained on ${trainedContext} tokens at a time; no hard limit`
      : `${maxPositions} tokens at most`
  return [
    ['layers', String(layers)],
    ['width', String(width)],
    ['vocabulary', String(vocabSize)],
    ['attention', [...experts(config, 'attention'), ...attention].join(', ')],
    ['mlp', [...experts(config, 'mlp'), ...mlp].join(', ')],
    ['router', router.join(', ')],
    ['context', context],
    ...(config.labels ? [['labels', config.labels.join(', ')]] : []),
  ]
}

/** Experts that a token uses, of those in a layer; empty if no layer has any. Pruned layers may differ. */
function experts(config: ModelConfig, kind: MixtureKind): string[] {
  const mixture = mixtureOf(config, kind)
  const counts = mixture?.experts.filter((count) => count > 0) ?? []
  if (!mixture || counts.length === 0) return []
  const least = counts.reduce((a, b) => Math.min(a, b))
  const most = counts.reduce((a, b) => Math.max(a, b))
  const layers = counts.length < config.layers ? ` in ${counts.length} of ${config.layers} layers` : ''
  return [`${usedWords(mixture)} of ${least === most ? most : `${least} to ${most}`} experts${layers}`]
}

/** Maximum number of layers whose numbers are listed; of more, only the range is shown. */
const LISTED_LAYERS = 12

/** `4`, or if the layers differ `uses 4, 3, 1, 2`, without layers that have no experts. */
function usedWords(mixture: Mixture): string {
  const used = usedPerToken(mixture)
  if (typeof used === 'number') return String(used)
  const { least, most } = rangeOfUsed(mixture)
  const some = used.filter((count) => count > 0)
  return `uses ${some.length <= LISTED_LAYERS ? some.join(', ') : `${least} to ${most}`}`
}

/** The tensors of a GGUF file by type, and the formats that they are packed in. */
function storedTable(stored: readonly StoredType[]): string {
  const rows = stored.map(({ type, tensors, bytes, formats }) => [
    type,
    String(tensors),
    formatBytes(bytes),
    formats.join(', ') || 'left out',
  ])
  return alignColumns([['type in file', 'tensors', 'bytes', 'packed as'], ...rows], [1, 2])
}

function partsTable({ parts, parameters, activeParameters, bytes }: ModelInfo): string {
  const row = (name: string, parameters: number, active: number, bytes: number, format: string) => [
    name,
    formatCount(parameters),
    formatCount(active),
    formatBytes(bytes),
    format,
  ]
  const rows = parts.map((part) => row(part.name, part.parameters, part.active, part.bytes, part.format))
  const head = ['part', 'parameters', 'used per token', 'bytes', 'format']
  return alignColumns([head, ...rows, row('all', parameters, activeParameters, bytes, '')], [1, 2, 3])
}
