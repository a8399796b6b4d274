import { dirname, resolve } from 'node:path'
import { UsageError, UserError } from '../../../ground/errors.js'
import { readBounded } from '../../../ground/files/bounded-file.js'
import { expandHome } from '../../../ground/files/home.js'
import { phrase } from '../../../ground/message.js'
import { printable } from '../../../ground/printable.js'
import { utf8Text } from '../../parsing/conversation-options.js'
import { checkedValue, findSetting, nameOf, type Settings, settingNamed } from '../../setup/settings.js'

/** A text in quotes, which may span lines. */
const QUOTED = '"""([\\s\\S]*?)"""[ \\t]*\\r?(?:\\n|$)|(?!""")"([\\s\\S]*?)"[ \\t]*\\r?(?:\\n|$)'
/** A word, of some the name of a parameter or role, and a text. What begins with a quote is no other text: no file takes long. */
const INSTRUCTION = new RegExp(
  `[ \\t]*(?:(parameter|message)[ \\t]+|(?!parameter\\b|message\\b))(\\w+)[ \\t]+(?:${QUOTED}|([^"\\s][^\\n]*)(?:\\n|$))`,
  'iy',
)
const NO_INSTRUCTION = /[ \t]*(?:#[^\n]*)?\r?(?:\n|$)/y

/** Parameters about loading and measuring, which change nothing in what a model says. */
const WITHOUT_EFFECT = [
  ...['num_keep', 'num_batch', 'num_gpu', 'main_gpu', 'num_gqa', 'numa', 'low_vram', 'f16_kv', 'logits_all'],
  ...['vocab_only', 'use_mmap', 'use_mlock', 'embedding_only'],
]

/** Bytes of a Modelfile with a long licence in it. */
const MOST_BYTES = 2 ** 16

const LEFT_OUT: Readonly<Record<string, string | undefined>> = {
  template: 'TEMPLATE is left out: molm has no Go templates, and writes messages as the model’s own chat template says',
  message: 'MESSAGE is left out: --messages FILE begins a conversation with messages',
}

/**
 * Reads a Modelfile of ollama as a preset, and says what of it is left out. Rejects with a UserError that names the file if it
 * cannot be read, or has a value that molm does not accept.
 */
export async function readModelfile(path: string): Promise<{ preset: Settings; notes: string[] }> {
  const file = resolve(expandHome(path))
  const text = utf8Text(await readBounded(file, MOST_BYTES, 'a Modelfile is shorter'), path)
  const { settings, notes } = partsOf(text, path)
  const preset: Settings = {}
  for (const [name, text] of settings) {
    // The file may be another person's, and must not name files that are read here.
    const value = name === 'system' ? text.replace(/^@/, '@@') : text
    try {
      const option = settingNamed(name)
      const [before, next] = [preset[nameOf(option)], checkedValue(option, value, dirname(file))]
      preset[nameOf(option)] = Array.isArray(next) && Array.isArray(before) ? [...before, ...next] : next
    } catch (error) {
      throw error instanceof UsageError ? new UserError(phrase`${path}: ${error}`) : error
    }
  }
  return { preset, notes }
}

/** The settings of a Modelfile in its order, by the names that molm or ollama has for them, and what is left out. */
function partsOf(text: string, path: string): { settings: [name: string, value: string][]; notes: string[] } {
  const settings: [string, string][] = []
  const notes = new Set<string>()
  for (let at = 0; at < text.length; ) {
    const [whole, kind, word, inThree, inOne, line = ''] = matchAt(INSTRUCTION, text, at) ?? []
    const skipped = whole ?? matchAt(NO_INSTRUCTION, text, at)?.[0]
    if (skipped === undefined)
      throw new UserError(`${path}: line ${lineAt(text, at)} is no instruction of a Modelfile, or its quote has no end`)
    at += skipped.length
    if (whole === undefined) continue
    const value = inThree ?? inOne ?? line.trimEnd()
    const name = word.toLowerCase()
    const instruction = (kind ?? word).toLowerCase()
    if (instruction === 'adapter') throw new UserError(`${path}: ADAPTER changes weights; molm applies no adapters`)
    if (instruction === 'from') settings.push(['model', value])
    else if (instruction === 'system') settings.push(['system', value])
    else if (instruction !== 'parameter') notes.add(LEFT_OUT[instruction] ?? '')
    else if (findSetting(name.replaceAll('_', '-'))) settings.push([name.replaceAll('_', '-'), value])
    else if (!WITHOUT_EFFECT.includes(name)) notes.add(`PARAMETER ${printable(name, 40)} is left out: molm has none`)
  }
  return { settings, notes: [...notes].filter(Boolean) }
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at
  return pattern.exec(text)
}

function lineAt(text: string, at: number): number {
  return text.slice(0, at).split('\n').length
}
