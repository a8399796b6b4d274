// Writes docs/CLI.md from the help of the commands. Run it after `npm run build` when an option has changed.
import { writeFile } from 'node:fs/promises'
import { helpAsMarkdown } from '../dist/cli/help-pages.js'

await writeFile(new URL('../docs/CLI.md', import.meta.url), await helpAsMarkdown())
