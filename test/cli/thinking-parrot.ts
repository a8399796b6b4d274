import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import { writeParrot } from '../support/parrot-model.js'

/** Options that start an MCP server with a tool `add`. */
export const MCP = [
  '--mcp',
  `${process.execPath} ${fileURLToPath(new URL('../support/mcp-server.js', import.meta.url))}`,
]
export const SUM = 'What is 2 + 3?'
const CALL = '<tool_call>\n{"name": "add", "arguments": {"a": 2, "b": 3}}\n</tool_call>'
const ANSWERS = [
  { says: '<think>\nA greeting, so I greet.\n</think>\n\nHello! How are you?' },
  { to: SUM, says: `<think>\nThe tool knows.\n</think>\n\nLet me see.\n${CALL}` },
  { toTool: true as const, says: '<think>\nIt has answered.\n</think>\n\nIt is 5.' },
]

/** Tests of runs of a model that thinks and calls tools. `parrot` begins their command lines. */
export function thoughtsSuite() {
  const test = suite<{ folder: string; parrot: string[] }>('thoughts and tools in molm run')
  test.before(async (context) => {
    context.folder = await mkdtemp(join(tmpdir(), 'molm-thoughts-'))
    const path = await writeParrot(join(context.folder, 'parrot'), { format: 'qwen3', answers: ANSWERS })
    context.parrot = ['run', '-m', path, '-t', '1']
  })
  test.after(({ folder }) => rm(folder, { recursive: true, force: true }))
  return test
}
