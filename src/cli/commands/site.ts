import type { Command } from 'commander'
import { formatBytes } from '../../ground/numbers.js'
import { note, type OutputOptions, writeOut } from '../io/output.js'
import { addOutputOptions, addSeveralModelsOption, addThreadsOption, modelName } from '../parsing/options.js'
import { packFirst } from '../setup/pack-first.js'
import { writeSite } from '../setup/write-site.js'

interface SiteOptions extends OutputOptions {
  model?: string[]
  threads?: number
}

export function define(command: Command): void {
  command
    .description(
      `Writes a folder that any web host can serve: the page of \`molm serve\`, with the engine in the reader’s tab. Nothing is computed by the host.\n${EXAMPLES}`,
    )
    .argument('<dir>', 'folder of the site, created if missing; an earlier site there is updated')
    .addHelpText('after', NOTES)
    .action(site)
  addOutputOptions(addThreadsOption(addSeveralModelsOption(command)))
}

const EXAMPLES = `
Examples:
  molm site ./site
  molm site ./site -m nano -m ./molm-350m
  npx http-server ./site`

const NOTES = `
The folder has models/ with the packed models, of which the page offers the
first, and others by ?model=NAME. A checkpoint is packed as q4. docs/BROWSER.md
says what hosts and browsers need.`

async function site(dir: string, options: SiteOptions): Promise<void> {
  const names = (options.model ?? [undefined]).map(modelName)
  for (const name of names) await packFirst(name, options)
  const { folder, bytes, models } = await writeSite(dir, names, options)
  if (!options.quiet) note(`a site with ${models.join(', ')}: ${formatBytes(bytes)}`)
  await writeOut(`${folder}\n`)
}
