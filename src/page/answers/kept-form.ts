import {
  type Form,
  fields,
  isFlag,
  isNumber,
  isText,
  listOf,
  oneOf,
  optional,
  valuesOf,
  whole,
} from '../../ground/json/forms.js'
import { laidOut } from '../elements/json-layout.js'
import type { Call, Message } from '../requests/api.js'

/** A conversation in the list: all but its messages. */
export interface KeptHead {
  id: string
  /** Counts the writes of its messages, so that a tab notices the writes of another. */
  version: number
  /** A name that the user gave. */
  name?: string
  /** Beginning of the first question. */
  title: string
  /** The model of the latest answer. */
  model: string
  /** Number of questions of the branch that is shown. */
  questions: number
  /** Milliseconds since 1970 of the latest change. */
  changed: number
}

/** Messages of a conversation, with all branches. */
export interface KeptBody {
  exchanges: KeptExchange[]
  /** Number of the last exchange of the branch that is shown. */
  last: number
  /** Fields of the settings, by their ids, and the `model` that was chosen. */
  settings: Record<string, string>
}

/** A question, or results of calls, and the answer. */
export interface KeptExchange {
  /** Number of the exchange before it, or -1. */
  parent: number
  said: Message[]
  answer: KeptAnswer
  /** Comparisons of the answer with answers without an expert. */
  compared?: Compared[]
}

/** The form of a value that a form checks. */
type Checked<F> = F extends Form<infer T> ? T : never

/** The same question answered before and after a change of an expert. */
export type Compared = Checked<typeof isCompared>
const isCompared = fields({
  /** The expert as the mask changes it: `3:mlp:5` is off, `3:mlp:5=+1` is steered. */
  expert: isText,
  before: isText,
  after: isText,
  /** Whether other experts were off or steered in both. */
  hasOthers: isFlag,
})

export type KeptAnswer = Checked<typeof isAnswer>
const isAnswer = fields({
  /** The model that answered. */
  model: isText,
  content: isText,
  /** Empty if the model did not think. */
  thinking: isText,
  /** Tokens of the thoughts, and the seconds that they took. */
  thought: fields({ tokens: isNumber, seconds: isNumber }),
  calls: listOf(fields<Call>({ id: isText, name: isText, arguments: isText })),
  /** The calls as the model wrote them, and their tokens. */
  notation: fields({ text: isText, tokens: isNumber }),
  isJson: isFlag,
  /** The line below the answer. */
  note: isText,
  /** Notes of the server on the request. */
  warnings: listOf(isText),
  /** Whether the answer came to its end, and whether that was the limit of tokens. */
  end: oneOf(['whole', 'limit', 'cut'] as const),
})

/** Model of the answers in a file, which does not name it. */
export const IMPORTED = 'imported'

/** The exchanges of the branch that is shown. */
export function pathOf({ exchanges, last }: KeptBody): KeptExchange[] {
  const path: KeptExchange[] = []
  for (let place = last; place >= 0; place = exchanges[place].parent) path.push(exchanges[place])
  return path.reverse()
}

/** An answer as a message of the API; none if it was cut before it began. Calls that were cut are left out. */
export function answerMessages({ content, thinking, calls }: KeptAnswer, withThoughts = true): Message[] {
  if (content === '' && thinking === '' && calls.length === 0) return []
  const whole = calls.filter(({ arguments: given }) => laidOut(given) !== undefined)
  const tool_calls = whole.map(({ id, ...call }) => ({ id, type: 'function' as const, function: call }))
  return [
    {
      role: 'assistant',
      content,
      ...(withThoughts && thinking !== '' && { reasoning_content: thinking }),
      ...(tool_calls.length > 0 && { tool_calls }),
    },
  ]
}

/** Name of a conversation in the list. */
export function titleOf({ name, title }: Pick<KeptHead, 'name' | 'title'>): string {
  return name || title || 'Without a question'
}

/** Maximum characters of a title. */
const LONGEST_TITLE = 60

/** The beginning of a text as a title: one line, cut at a word. */
export function beginningOf(text: string): string {
  const line = text.slice(0, 1000).replace(/\s+/g, ' ').trim()
  if (line.length <= LONGEST_TITLE) return line
  const cut = line.slice(0, LONGEST_TITLE)
  const word = cut.lastIndexOf(' ')
  return `${word > LONGEST_TITLE / 2 ? cut.slice(0, word) : cut}…`
}

/** Checks a head from the storage, which may be damaged. Returns undefined if it has another form. */
export function readHead(value: unknown): KeptHead | undefined {
  return isHead(value) ? value : undefined
}

/** Checks messages from the storage, which may be damaged. Returns undefined if they have another form. */
export function readBody(value: unknown): KeptBody | undefined {
  if (!isBody(value)) return undefined
  const { exchanges, last } = value
  // The one before an exchange has a lower number, so that no branch is endless.
  return last < exchanges.length && exchanges.every(({ parent }, number) => parent < number) ? value : undefined
}

const isHead = fields<KeptHead>({
  id: isText,
  version: isNumber,
  name: optional(isText),
  title: isText,
  model: isText,
  questions: isNumber,
  changed: isNumber,
})

const isMessage = fields({ role: oneOf(['system', 'user', 'assistant', 'tool'] as const), content: isText })

const isBody = fields<KeptBody>({
  exchanges: listOf(
    fields<KeptExchange>({
      parent: whole(-1),
      said: listOf(isMessage),
      answer: isAnswer,
      compared: optional(listOf(isCompared)),
    }),
  ),
  last: whole(-1),
  settings: valuesOf(isText),
})
