import { readdir, stat } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { type Command, Option } from 'commander'
import { interruptSignal } from '../../../cli/io/interrupt.js'
import { note } from '../../../cli/io/output.js'
import { createReadingLine } from '../../../cli/io/status-line.js'
import { withModel } from '../../../cli/setup/with-model.js'
import { codeOf, UserError } from '../../../ground/errors.js'
import { expandHome } from '../../../ground/files/home.js'
import { drawAtlas, survivedLine } from '../../../insight/pictures/kinds/atlas-figure.js'
import { type NamedText, readText } from '../../../insight/texts/text-file.js'
import { atlasJson, makeAtlas } from '../../atlas/make-atlas.js'
import { atlasCsv } from './csv.js'
import type { ExpertsOptions, Report } from './mode.js'

export const hasTexts = true

export function define(command: Command): void {
  command
    .optionsGroup('Names of experts:')
    .addOption(
      new Option(
        '--atlas <file...>',
        'name the experts by texts, a file or folder for each kind; with -o atlas.json for other commands',
      ).conflicts(['file', 'against', 'tokens', 'colour', 'names']),
    )
    .option('--names <file>', 'an atlas with names of the experts (default: atlas.json of the model)', expandHome)
}

export async function report(options: ExpertsOptions): Promise<Report> {
  const texts = await readKinds(options.atlas ?? [])
  const atlas = await withModel(options, async ({ model }) => {
    const progress = createReadingLine(options)
    try {
      return await makeAtlas(model, texts, { signal: interruptSignal(), onPromptProgress: progress.show })
    } finally {
      progress.clear()
    }
  })
  if (options.output !== undefined && !options.quiet) note(`${options.output}: ${survivedLine(atlas)}`)
  return { figure: (options) => drawAtlas(atlas, options), json: () => [atlasJson(atlas)], csv: () => atlasCsv(atlas) }
}

/**
 * Reads texts, each with the name of its kind. A file is a kind, named after it without the extension. A folder has a kind
 * in each file, and in each folder with files.
 */
async function readKinds(paths: readonly string[]): Promise<NamedText[]> {
  const texts: NamedText[] = []
  for (const path of paths.map(expandHome)) {
    if (!(await isFolder(path))) {
      texts.push(await readKind(path, withoutExtension(path)))
      continue
    }
    const before = texts.length
    for (const name of await namesIn(path)) {
      const inside = join(path, name)
      if (!(await isFolder(inside))) texts.push(await readKind(inside, withoutExtension(name)))
      else for (const file of await namesIn(inside)) texts.push(await readKind(join(inside, file), name))
    }
    if (texts.length === before) throw new UserError(`${path}: there are no texts in this folder`)
  }
  return texts
}

async function readKind(path: string, name: string): Promise<NamedText> {
  const { text } = await readText(path)
  return { name, text }
}

function withoutExtension(path: string): string {
  return basename(path, extname(path))
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false
}

/** Names in a folder, in order, without hidden ones. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => !name.startsWith('.')).sort()
  } catch (error) {
    throw new UserError(`${folder}: cannot be read (${codeOf(error)})`)
  }
}
