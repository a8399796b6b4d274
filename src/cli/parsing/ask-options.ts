import { type Command, Option } from 'commander'
import { ASK_OPTIONS, type Asking, FORMS } from '../../api/ask-options.js'
import { THINK_LEVELS, type Think } from '../../api/chat-options.js'
import { typedName } from '../../api/generation-options.js'
import { UsageError, UserError } from '../../ground/errors.js'
import { readBounded } from '../../ground/files/bounded-file.js'
import { expandHome } from '../../ground/files/home.js'
import { parseJson } from '../../ground/json/json.js'
import { printable } from '../../ground/printable.js'
import { utf8Text } from './conversation-options.js'
import { wholeNumber } from './options.js'

/** Options of thinking and of the form of an answer, as typed. */
export interface AskFlags {
  think?: Think
  thinkBudget?: number
  /** A JSON Schema, or the name of its file. */
  schema?: string
  /** A grammar, or the name of its file. */
  grammar?: string
  regex?: string
}

/** Maximum bytes of a schema or grammar. */
const MOST_BYTES = 2 ** 20

/** Adds the options of thinking and of the form of an answer to a command that asks a model. */
export function addAskOptions(command: Command): Command {
  command
    .optionsGroup('Thinking:')
    .addOption(askOption('think').choices(THINK_LEVELS).argParser(parseThink))
    .addOption(askOption('thinkBudget').argParser(wholeNumber('--think-budget', 0)))
    .optionsGroup('Form of the answer:')
  // One of two is enough to refuse both.
  for (const [i, name] of FORMS.entries()) command.addOption(askOption(name).conflicts(FORMS.slice(i + 1)))
  return command
}

function askOption(name: keyof AskFlags): Option {
  const { argument, help } = ASK_OPTIONS[name].flag
  return new Option(`--${typedName(name)} <${argument}>`, help)
}

/** Whether an option of thinking was given, which only a model with a chat template can follow. */
export function asksForThinking({ think, thinkBudget }: AskFlags): boolean {
  return think !== undefined || thinkBudget !== undefined
}

/**
 * Reads the options, and the file of a schema or grammar. Rejects with a UsageError or UserError that names the option
 * or the file.
 */
export async function readAskOptions(flags: AskFlags): Promise<Asking> {
  const { think, thinkBudget, schema, grammar, regex } = flags
  return {
    ...(think !== undefined && { think }),
    ...(thinkBudget !== undefined && { thinkBudget }),
    ...(schema !== undefined && { schema: await readSchema(schema) }),
    ...(grammar !== undefined && { grammar: await readGrammar(grammar) }),
    ...(regex !== undefined && { regex: await checked('--regex', regex) }),
  }
}

/** Returns the text of a typed grammar. Rejects with a UsageError if it is wrong. */
async function checked(flag: '--grammar' | '--regex', text: string): Promise<string> {
  const [{ named }, { readEbnf }, { readPattern }] = await Promise.all([
    import('../../text/grammar/forms/grammar-expression.js'),
    import('../../text/grammar/forms/read-ebnf.js'),
    import('../../text/grammar/forms/read-pattern.js'),
  ])
  try {
    named(flag, () => (flag === '--regex' ? readPattern(text) : readEbnf(text)))
    return text
  } catch (error) {
    throw error instanceof UserError ? new UsageError(error.phrase) : error
  }
}

/** Parses the level of --think. Throws a UsageError that names ours for a word of other tools. */
function parseThink(text: string): Think {
  if (THINK_LEVELS.includes(text as Think)) return text as Think
  const ours = THEIR_LEVELS[text]
  throw new UsageError(
    `--think must be ${THINK_LEVELS.slice(0, -1).join(', ')} or high, not '${printable(text.slice(0, 40))}'` +
      (ours ? `; did you mean --think ${ours}?` : ''),
  )
}

const THEIR_LEVELS: Readonly<Record<string, Think | undefined>> = Object.assign(Object.create(null), {
  ...{ true: 'on', yes: 'on', auto: 'on', false: 'off', no: 'off', none: 'off', minimal: 'low' },
})

async function readSchema(value: string): Promise<unknown> {
  if (/^\s*(?:[{[]|true\s*$|false\s*$)/.test(value)) {
    try {
      return schemaIn(Buffer.from(value), '--schema')
    } catch (error) {
      throw error instanceof UserError ? new UsageError(error.phrase) : error
    }
  }
  const path = fileNamed('--schema', value, `JSON, like '{"type": "object"}', or a file, like ./schema.json`)
  return schemaIn(await readBounded(path, MOST_BYTES, 'a schema is shorter'), path)
}

function schemaIn(bytes: Uint8Array, source: string): unknown {
  const value = parseJson(bytes, source)
  if (typeof value === 'boolean' || (typeof value === 'object' && value !== null && !Array.isArray(value))) return value
  throw new UserError(`${source}: a JSON Schema is an object, or true or false`)
}

async function readGrammar(value: string): Promise<string> {
  if (value.includes('::=')) return checked('--grammar', value)
  const path = fileNamed('--grammar', value, `rules, like 'root ::= "yes" | "no"', or a file, like ./list.gbnf`)
  return utf8Text(await readBounded(path, MOST_BYTES, 'a grammar is shorter'), path)
}

/** The path of a file. Throws a UsageError for a value that looks neither like one nor like what the option takes. */
function fileNamed(flag: string, value: string, forms: string): string {
  if (/[./\\]/.test(value) && !/[\n{]/.test(value)) return expandHome(value)
  throw new UsageError(`${flag} must be ${forms}, not '${printable(value.slice(0, 60))}'`)
}
