import { basename } from 'node:path'
import { type Command, Option } from 'commander'
import { UsageError, UserError } from '../../../ground/errors.js'
import { expandHome } from '../../../ground/files/home.js'
import { writeAtomically } from '../../../ground/files/write-atomically.js'
import { isWord } from '../../../ground/json/forms.js'
import { parseJsonObject } from '../../../ground/json/json.js'
import { phrase } from '../../../ground/message.js'
import { type NamedText, readText } from '../../../lab/evaluation/text-file.js'
import { loadAtlas } from '../../../lab/experts/atlas/load-atlas.js'
import { type Contrast, contrastExperts } from '../../../lab/experts/contrast/contrast.js'
import {
  confirmedExperts,
  contrastCsv,
  contrastObject,
  steering,
} from '../../../lab/experts/contrast/contrast-forms.js'
import { type ContrastPrompt, pairsOfPrompts, pairsOfTexts } from '../../../lab/experts/contrast/pairs.js'
import { drawContrast } from '../../../lab/pictures/kinds/contrast-figure.js'
import { readMessages } from '../../../text/read-messages.js'
import { interruptSignal } from '../../io/interrupt.js'
import { note, warner } from '../../io/output.js'
import { createReadingLine } from '../../io/status-line.js'
import { type ModelOptions, numberThat } from '../../parsing/options.js'
import type { Report, ReportOptions } from '../../reports/experts-report.js'
import { withModel } from '../../setup/with-model.js'

export interface ContrastCommandOptions extends ModelOptions, ReportOptions {
  contrast?: string[]
  write?: string
  strength?: number
}

export function addContrastOptions(command: Command): void {
  command
    .addOption(
      new Option(
        '--contrast <file...>',
        'experts that wake for one text and not for another: two files, or a JSONL file of pairs {"a", "b"} of prompts ' +
          'or messages; half of them must confirm what the other half finds',
      ).conflicts(['file', 'against', 'tokens', 'colour', 'atlas', 'ablate', 'from']),
    )
    .option('--write <file>', 'with --contrast, write a file for --steer: towards the first text', expandHome)
    .option(
      '--strength <s>',
      'with --write, spreads of the scores (default: 1)',
      numberThat('--strength', 'a number', () => true),
    )
}

export async function contrastReport(files: readonly string[], options: ContrastCommandOptions): Promise<Report> {
  if (files.length > 2) throw new UsageError('--contrast takes two texts, or one file of pairs')
  const texts = await Promise.all(files.map((path) => readText(expandHome(path))))
  const named = texts.map(({ name, text }) => ({ name: basename(name), text }))
  const { contrast, atlas } = await withModel(options, async ({ model }) => {
    const atlas = await loadAtlas(model, undefined, warner(options))
    const signal = interruptSignal()
    const [a, b] = named
    const pairs = b ? await pairsOfTexts(model, [a, b], signal) : await pairsOfPrompts(model, promptsIn(a), signal)
    const progress = createReadingLine(options)
    try {
      return { atlas, contrast: await contrastExperts(model, pairs, { signal, onPromptProgress: progress.show }) }
    } finally {
      progress.clear()
    }
  })
  if (options.write !== undefined) await writeSteering(contrast, options.write, options)
  return {
    figure: (chosen) => drawContrast(contrast, { ...chosen, atlas }),
    json: () => [`${JSON.stringify(contrastObject(contrast))}\n`],
    csv: () => contrastCsv(contrast),
  }
}

/** Pairs of a file, one JSON object a line. Throws a UserError that names the first wrong line. */
function promptsIn({ name, text }: NamedText): { a: ContrastPrompt; b: ContrastPrompt }[] {
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return []
    const source = `${name}: line ${index + 1}`
    const { a, b } = parseJsonObject(Buffer.from(line), source)
    return [{ a: promptIn(a, `${source}: "a"`), b: promptIn(b, `${source}: "b"`) }]
  })
}

function promptIn(value: unknown, source: string): ContrastPrompt {
  if (isWord(value)) return value
  if (!Array.isArray(value)) throw new UserError(`${source} must be a text or a list of messages`)
  try {
    return readMessages(value)
  } catch (error) {
    throw error instanceof UserError ? new UserError(phrase`${source}: ${error}`) : error
  }
}

async function writeSteering(contrast: Contrast, path: string, { strength = 1, quiet }: ContrastCommandOptions) {
  const { length } = confirmedExperts(contrast)
  if (length === 0) return note(`${path}: not written, since no expert is confirmed`)
  await writeAtomically(path, `${JSON.stringify(steering(contrast, strength), undefined, 2)}\n`)
  if (!quiet)
    note(`written: ${path}, which steers ${length} experts; try --steer ${path}, or ${path}:-1 for the other way`)
}
