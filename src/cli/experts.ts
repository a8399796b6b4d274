import { readFile, writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { type Command, Option } from 'commander'
import { UsageError, UserError } from '../errors.js'
import { usageCsv } from '../experts/csv.js'
import { type ReportInput, routeText, type TextRoutes } from '../experts/text-routes.js'
import { specialistObjects, usageObject } from '../experts/usage-json.js'
import { htmlReport } from '../pictures/html.js'
import { svgReport } from '../pictures/svg.js'
import { textReport } from '../pictures/text-report.js'
import { colourDepth } from '../terminal/colours.js'
import { interruptSignal } from './interrupt.js'
import { addModelOptions, addOutputOptions, type ModelOptions } from './options.js'
import { note, writeOut } from './output.js'
import { layersOf } from './run-summary.js'
import { joinPrompt, readPipedText } from './stdin.js'
import { withModel } from './with-model.js'

const FORMATS = ['text', 'json', 'csv', 'svg', 'html'] as const
type Format = (typeof FORMATS)[number]

interface ExpertsOptions extends ModelOptions {
  file?: string[]
  tokens?: boolean
  json?: boolean
  csv?: boolean
  format?: Format
  output?: string
}

export function define(command: Command): void {
  command
    .description(
      'Shows how a text uses the experts: how often each is chosen, how evenly (entropy, Jain’s fairness), and, of ' +
        'two files or more, which experts tell them apart. The text is run as it stands, without a chat frame.',
    )
    .argument('[prompt...]', 'words of the text')
    .option('--file <file>', 'a text to read; may be repeated, to compare', collect)
    .option('--tokens', 'also each token with its experts')
    .option('--json', 'print one object')
    .addOption(new Option('--csv', 'print a table, as --format csv').conflicts('json'))
    .addOption(
      new Option('--format <format>', 'how to show it (default: text)').choices(FORMATS).conflicts(['json', 'csv']),
    )
    .option('-o, --output <file>', 'write to a file; its ending chooses the format')
    .addHelpText('after', EXAMPLES)
    .action(showExperts)
  addModelOptions(command)
  addOutputOptions(command)
}

const EXAMPLES = `
Examples:
  molm experts --tokens "The lantern is lit."
  molm experts --file prose.txt --file program.js
  molm experts --csv --file prose.txt > experts.csv
  molm experts --file prose.txt --file program.js -o experts.html`

async function showExperts(words: string[], options: ExpertsOptions): Promise<void> {
  const format = formatOf(options)
  const texts = await readTexts(words, options)
  await withModel(options, async ({ model }) => {
    if (model.config.mixtures.length === 0) throw new UserError(`${model.name} has no experts`)
    const read: TextRoutes[] = []
    for (const { name, text } of texts) {
      read.push(await routeText(model, name, text, { signal: interruptSignal() }))
      if (options.verbose) note(`${name}: ${read[read.length - 1].tokens.length} tokens`)
    }
    const { tokenizer } = model
    const textOf = (token: number) => tokenizer.decode([token])
    const input = { model: model.name, texts: read, textOf, perToken: options.tokens ?? false }
    await put(drawn(input, format, options), options.output)
  })
}

/** The report, in pieces where it may be too long for one string. */
function drawn(input: ReportInput, format: Format, { output, color }: ExpertsOptions): Iterable<string> {
  switch (format) {
    case 'json':
      return asJson(input)
    case 'csv':
      return usageCsv(input)
    case 'svg':
      return [svgReport(input)]
    case 'html':
      return [htmlReport(input)]
    case 'text':
      return [
        textReport(input, {
          depth: output || color === false ? 'none' : colourDepth(process.stdout),
          width: output ? undefined : process.stdout.columns,
        }),
      ]
  }
}

/** One object, whose tokens come a piece each. */
function* asJson({ model, texts, textOf, perToken }: ReportInput): Generator<string> {
  yield `{"model":${JSON.stringify(model)},"texts":[`
  for (const [i, text] of texts.entries()) {
    const usage = JSON.stringify(usageObject(text)).slice(0, -1)
    yield `${i > 0 ? ',' : ''}${usage}`
    if (perToken) yield* perTokenJson(text, textOf)
    yield '}'
  }
  yield ']'
  if (texts.length > 1) yield `,"specialists":${JSON.stringify(specialistObjects(texts, textOf))}`
  yield '}\n'
}

function* perTokenJson(text: TextRoutes, textOf: ReportInput['textOf']): Generator<string> {
  yield ',"per_token":['
  for (const [i, token] of text.tokens.entries()) {
    const entry = { token, text: textOf(token), experts: layersOf(text.at(i)) }
    yield `${i > 0 ? ',' : ''}${JSON.stringify(entry)}`
  }
  yield ']'
}

function formatOf({ json, csv, format, output }: ExpertsOptions): Format {
  if (json) return 'json'
  if (csv) return 'csv'
  const ending = FORMATS.find((name) => output?.toLowerCase().endsWith(`.${name}`))
  return format ?? ending ?? 'text'
}

async function readTexts(words: string[], { file = [], quiet }: ExpertsOptions) {
  if (file.length > 0 && words.length > 0) throw new UsageError('give a prompt or --file, not both')
  if (file.length > 0) return Promise.all(file.map(readText)).then(withDistinctNames)
  const text = joinPrompt([await readPipedText({ quiet, signal: interruptSignal() })], words)
  if (text === '') throw new UsageError('there is no text: write one behind the command, pipe it in or name a --file')
  return [{ name: 'prompt', text }]
}

async function readText(path: string): Promise<{ name: string; path: string; text: string }> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    const reason = error.code === 'ENOENT' ? 'no such file' : `cannot be read (${error.code})`
    throw new UserError(`${path}: ${reason}`)
  })
  if (text === '') throw new UserError(`${path}: the file is empty`)
  return { name: basename(path), path, text }
}

/** The file's name, or its path where two files have the same name. */
function withDistinctNames(texts: { name: string; path: string; text: string }[]) {
  return texts.map(({ name, path, text }) => {
    const isTwice = texts.filter((other) => other.name === name).length > 1
    return { name: isTwice ? path : name, text }
  })
}

async function put(pieces: Iterable<string>, output: string | undefined): Promise<void> {
  if (!output) {
    for (const piece of pieces) await writeOut(piece)
    return
  }
  await writeFile(output, pieces).catch((error: NodeJS.ErrnoException) => {
    throw new UserError(`${output}: cannot be written (${error.code ?? error.message})`)
  })
}

function collect(file: string, earlier: string[] = []): string[] {
  return [...earlier, file]
}
