import { basename } from 'node:path'
import { type Command, Option } from 'commander'
import { interruptSignal } from '../../../cli/io/interrupt.js'
import { note, warner } from '../../../cli/io/output.js'
import { createReadingLine } from '../../../cli/io/status-line.js'
import { numberThat } from '../../../cli/parsing/options.js'
import { withModel } from '../../../cli/setup/with-model.js'
import { UsageError, UserError } from '../../../ground/errors.js'
import { expandHome } from '../../../ground/files/home.js'
import { writeAtomically } from '../../../ground/files/write-atomically.js'
import { isWord } from '../../../ground/json/forms.js'
import { parseJsonObject } from '../../../ground/json/json.js'
import { phrase } from '../../../ground/message.js'
import { loadAtlas } from '../../../insight/atlas/load-atlas.js'
import { type NamedText, readText } from '../../../insight/texts/text-file.js'
import { readMessages } from '../../../text/read-messages.js'
import { type Contrast, contrastExperts } from '../../contrast/contrast.js'
import { confirmedExperts, contrastCsv, contrastObject, steering } from '../../contrast/contrast-forms.js'
import { type ContrastPrompt, pairsOfPrompts, pairsOfTexts } from '../../contrast/pairs.js'
import { drawContrast } from '../../figures/contrast-figure.js'
import type { ExpertsOptions, Report } from './mode.js'

export const hasTexts = true

export const own = ['write', 'strength'] as const

export function define(command: Command): void {
  command
    .optionsGroup('Contrast of texts:')
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

export async function report(options: ExpertsOptions): Promise<Report> {
  const { contrast: files = [] } = options
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

async function writeSteering(contrast: Contrast, path: string, { strength = 1, quiet }: ExpertsOptions) {
  const { length } = confirmedExperts(contrast)
  if (length === 0) return note(`${path}: not written, since no expert is confirmed`)
  await writeAtomically(path, `${JSON.stringify(steering(contrast, strength), undefined, 2)}\n`)
  if (!quiet)
    note(`written: ${path}, which steers ${length} experts; try --steer ${path}, or ${path}:-1 for the other way`)
}
