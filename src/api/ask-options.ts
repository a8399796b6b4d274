import { anyOf, type Form, fields, isCount, isFlag, isText, listOf, oneOf } from '../ground/json/forms.js'
import { isObject } from '../ground/json/json.js'
import { type AskOptions, THINK_LEVELS, TOOL_CHOICES } from './chat-options.js'
import type { OutputConstraint } from './guide.js'

/** How a model is asked: its thoughts, the form of its answers, and its tools. */
export type Asking = AskOptions & OutputConstraint

export type AskName = keyof Asking
export type FormName = keyof OutputConstraint

/** A way to ask, for the library, the command line, batches and the server. */
interface AskOption {
  /** Completes "think must be ...". */
  mustBe: string
  /** Whether a caller without types gives a right value. */
  includes: Form<unknown>
  /** Placeholder and help of its flag. Tools have none. */
  flag?: { argument: string; help: string }
}

/**
 * All ways to ask. The name of a flag or a field follows from the row's name; an API of the server with a name of its
 * own for one, such as `reasoning_effort`, has it in a record by `AskName`.
 */
export const ASK_OPTIONS = {
  think: {
    mustBe: `one of ${THINK_LEVELS.join(', ')}`,
    includes: oneOf(THINK_LEVELS),
    flag: { argument: 'level', help: 'thinking before the answer' },
  },
  thinkBudget: {
    mustBe: 'a whole number from 0 on',
    includes: isCount,
    flag: { argument: 'n', help: 'maximum tokens of thinking' },
  },
  schema: {
    mustBe: 'a JSON Schema: an object, or true or false',
    includes: anyOf(isObject, isFlag),
    flag: { argument: 'json|file', help: 'JSON that fits a JSON Schema: the schema, or a file' },
  },
  grammar: {
    mustBe: 'a text',
    includes: isText,
    flag: { argument: 'ebnf|file', help: 'text of a grammar in GBNF or EBNF: rules, or a file' },
  },
  regex: {
    mustBe: 'a text',
    includes: isText,
    flag: { argument: 'pattern', help: 'text that a regular expression matches as a whole' },
  },
  tools: { mustBe: 'a list of tools', includes: listOf(isObject) },
  toolChoice: {
    mustBe: `one of ${TOOL_CHOICES.join(', ')}`,
    includes: anyOf(oneOf(TOOL_CHOICES), fields({ name: isText })),
  },
  parallelToolCalls: { mustBe: 'true or false', includes: isFlag },
} as const satisfies { [K in AskName]-?: AskOption }

export const ASK_NAMES = Object.keys(ASK_OPTIONS) as AskName[]

/** The forms of an answer. Each excludes the others. */
export const FORMS = ['schema', 'grammar', 'regex'] as const satisfies readonly FormName[]

/** The forms that options ask for. */
export function formsIn(options: OutputConstraint): FormName[] {
  return FORMS.filter((name) => options[name] !== undefined)
}
