import { cp, mkdir, readdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fixturePath, repositoryPath } from '../support/fixtures.js'
import { isParrot, writeParrotNamed } from './parrots.js'

/** Command that starts an MCP server. */
export const SERVER = `"${process.execPath}" "${fileURLToPath(new URL('../support/mcp-server.js', import.meta.url))}"`

/** Time of all files: lists show the age of what has changed today, and the date of all else. */
const AT = new Date('2024-01-02T03:04:05.000Z')

/** Fixtures that the commands read, by their names in the folder `models`. */
const FIXTURES: Record<string, string> = {
  base: '01-base-bin-f32',
  sharded: '03-topk4-safetensors-bf16-sharded',
  untexted: '05-linear-silu-safetensors-f32',
  classifier: '13-classifier-safetensors-f32',
  granite: '21-granitemoe-f32',
  qwen: '41-qwen3moe-f32',
  gptoss: '72-gptoss-mxfp4',
  lfm2: '81-lfm2moe-f32',
  smallthinker: '151-smallthinker-f32',
  'qwen.gguf': 'gguf/qwen3moe-q4_k_m/model.gguf',
}

/** Writes the folder `in`, and to the folder `models` each model that a text names. */
export async function writeInputs(folder: string, text: string): Promise<void> {
  await cp(repositoryPath('test/record/in'), join(folder, 'in'), { recursive: true })
  for (const file of await readdir(join(folder, 'in'), { recursive: true }))
    await utimes(join(folder, 'in', file), AT, AT)
  await mkdir(join(folder, 'models'))
  for (const name of new Set([...text.matchAll(/\bmodels\/([\w.]+)/g)].map(([, name]) => name))) {
    const path = join(folder, 'models', name)
    if (isParrot(name)) await writeParrotNamed(name, path)
    else if (name in FIXTURES) await cp(fixturePath(FIXTURES[name]), path, { recursive: true })
  }
}

/**
 * Writes a script `molm` to the folder `bin`, for shells. It reports its number, and ends as a warm process that has run its
 * command. A command that changes its process starts another one.
 */
export async function writeCommand(folder: string): Promise<void> {
  const bin = join(folder, 'bin')
  await mkdir(bin)
  const text = `#!/bin/sh
if [ "$NODE_OPTIONS" ] || [ "$(ulimit -n)" = 40 ]; then
  exec '${process.execPath}' '${repositoryPath('bin/molm.js')}' "$@"
fi
exec 5<&0
echo $$ >&3
read code <&4
cat '${bin}/stdout'
cat '${bin}/stderr' >&2
exit $code
`
  await writeFile(join(bin, 'molm'), text, { mode: 0o755 })
}
