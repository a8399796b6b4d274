import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fixturePath } from '../support/fixtures.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

/** The model that ships with the package. */
export const NANO = fileURLToPath(new URL('../../../models/nano', import.meta.url))

export const TOKENIZER_FIXTURES = ['01-base-bin-f32', '11-molm-like-bin-bf16-sharded'].map(fixturePath)

/** Runs `use` with a folder of these files: strings as text, other values as JSON. */
export function inFolderOf<T>(files: Record<string, unknown>, use: (dir: string) => Promise<T>): Promise<T> {
  return inTemporaryFolder(async (dir) => {
    for (const [name, content] of Object.entries(files)) {
      await writeFile(join(dir, name), typeof content === 'string' ? content : JSON.stringify(content))
    }
    return use(dir)
  })
}

export async function readJson(dir: string, file: string) {
  return JSON.parse(await readFile(join(dir, file), 'utf8'))
}

/** The files of a folder's tokenizer in the older form, with the added tokens of its tokenizer.json. */
export async function vocabularyForm(dir: string): Promise<Record<string, unknown>> {
  const { added_tokens } = await readJson(dir, 'tokenizer.json')
  return {
    'vocab.json': await readJson(dir, 'vocab.json'),
    'merges.txt': await readFile(join(dir, 'merges.txt'), 'utf8'),
    'tokenizer_config.json': await readJson(dir, 'tokenizer_config.json'),
    'added_tokens.json': Object.fromEntries(
      added_tokens.map(({ content, id }: { content: string; id: number }) => [content, id]),
    ),
  }
}
