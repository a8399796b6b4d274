import { TokenText } from '../markdown/token-text.js'
import type { Asked, Call, MatteringExperts, Message } from '../requests/api.js'
import { Answer } from './answer.js'
import { answerMessages, type Compared, type KeptExchange } from './kept-form.js'

interface ShownMessage {
  role: 'user' | 'tool'
  name: string
  text: TokenText
}

let exchanges = 0

/** A question, or the results of calls, and the answer. */
export class Exchange {
  /** Different for each exchange. */
  readonly key = exchanges++
  readonly turns: readonly ShownMessage[]
  /** The request, if it was sent from this page. */
  request?: Asked
  compared: Compared[] = []
  /** The experts that matter to the answer, if they were looked for. */
  matters?: MatteringExperts
  /** The question as the user has changed it so far, while the field for it is open. */
  draft?: string
  /** The step from another version that has led here last, before its button has the focus. */
  step?: -1 | 1

  /** `said` may have results of `calls`. */
  constructor(
    readonly said: readonly Message[],
    readonly answer: Answer,
    calls: readonly Call[],
  ) {
    this.turns = said.map((message) => turnOf(message, calls))
  }

  /** Shows an exchange that was kept, after another answer. */
  static from({ said, answer, compared = [] }: KeptExchange, before?: Answer): Exchange {
    const exchange = new Exchange(said, Answer.from(answer), before?.calls ?? [])
    exchange.compared = [...compared]
    return exchange
  }

  get isQuestion(): boolean {
    return this.said[0]?.role !== 'tool'
  }

  /** The messages for the API. Models want their thoughts back only while they wait for results of calls. */
  messages(withThoughts: boolean): Message[] {
    return [...this.said, ...answerMessages(this.answer.kept, withThoughts)]
  }

  kept(parent: number): KeptExchange {
    const { said, answer, compared } = this
    return { parent, said: [...said], answer: answer.kept, ...(compared.length > 0 && { compared: [...compared] }) }
  }
}

/** The text of a message, which may be the result of one of `calls`. */
function turnOf({ role, content, tool_call_id }: Message, calls: readonly Call[]): ShownMessage {
  const text = new TokenText()
  text.write(content)
  if (role !== 'tool') return { role: 'user', name: role === 'user' ? 'You' : 'System', text }
  const call = calls.find(({ id }) => id === tool_call_id)
  return { role, name: `Result of ${call?.name ?? 'a call'}`, text }
}
