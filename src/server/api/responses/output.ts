import type { AnswerEvent } from '../../../text/answer-reader.js'
import { type chatLogprobs, newId } from '../report.js'

type Logprobs = ReturnType<typeof chatLogprobs>['content']
type Status = 'in_progress' | 'completed' | 'incomplete'

type OutputItem = ReturnType<typeof newMessage> | ReturnType<typeof newReasoning> | ReturnType<typeof newCall>

/** An event of a stream, without its number. */
export interface OutputEvent {
  type: string
  [field: string]: unknown
}

/** The items of an answer: thoughts, a text, calls. Each method returns the events that it makes. */
export class Output {
  readonly items: OutputItem[] = []

  /** `namespaces`: functions of namespaces, by the names that the model has for them. */
  constructor(private readonly namespaces: ReadonlyMap<string, { namespace: string; name: string }>) {}

  /** The item that more may be added to. */
  private get open(): OutputItem | undefined {
    const last = this.items.at(-1)
    return last?.status === 'in_progress' ? last : undefined
  }

  *add(event: AnswerEvent, logprobs: Logprobs): Generator<OutputEvent> {
    if (event.kind === 'thinking') {
      if (this.open?.type !== 'reasoning') yield* this.begin(newReasoning())
      yield* this.addText(event.text, 'response.reasoning_text', {})
    } else if (event.kind === 'content') {
      if (this.open?.type !== 'message') yield* this.begin(newMessage())
      if (this.open?.type === 'message') this.open.content[0].logprobs.push(...logprobs)
      yield* this.addText(event.text, 'response.output_text', { logprobs })
    } else if (event.kind === 'called') {
      const { id, name, arguments: args } = event.call
      yield* this.begin(newCall(id, this.namespaces.get(name) ?? { name }))
      yield* this.addArguments(JSON.stringify(args))
    }
  }

  /** Ends the last item. An answer without any is an empty text. */
  *end(status: Status): Generator<OutputEvent> {
    if (this.items.length === 0) yield* this.begin(newMessage())
    yield* this.close(status)
  }

  private get place() {
    return { item_id: this.items[this.items.length - 1].id, output_index: this.items.length - 1 }
  }

  private *begin(item: OutputItem): Generator<OutputEvent> {
    yield* this.close('completed')
    this.items.push(item)
    const { output_index } = this.place
    // The event keeps the item as it is now.
    const begun = item.type === 'function_call' ? { ...item } : { ...item, content: [] }
    yield { type: 'response.output_item.added', output_index, item: begun }
    if (item.type === 'function_call') return
    const part = { ...item.content[0] }
    yield { type: 'response.content_part.added', ...this.place, content_index: 0, part }
  }

  private *addText(delta: string, type: string, more: object): Generator<OutputEvent> {
    const { open } = this
    if (!open || open.type === 'function_call') return
    open.content[0].text += delta
    yield { type: `${type}.delta`, ...this.place, content_index: 0, delta, ...more }
  }

  private *addArguments(delta: string): Generator<OutputEvent> {
    const { open } = this
    if (open?.type !== 'function_call') return
    open.arguments += delta
    yield { type: 'response.function_call_arguments.delta', ...this.place, delta }
  }

  private *close(status: Status): Generator<OutputEvent> {
    const { open: item } = this
    if (!item) return
    item.status = status
    const { place } = this
    if (item.type === 'function_call') {
      const { name, arguments: args } = item
      yield { type: 'response.function_call_arguments.done', ...place, name, arguments: args }
    } else {
      const [part] = item.content
      const { text } = part
      const kind = item.type === 'message' ? 'output_text' : 'reasoning_text'
      const more = part.type === 'output_text' ? { logprobs: part.logprobs } : {}
      yield { type: `response.${kind}.done`, ...place, content_index: 0, text, ...more }
      yield { type: 'response.content_part.done', ...place, content_index: 0, part }
    }
    yield { type: 'response.output_item.done', output_index: place.output_index, item }
  }
}

function newMessage() {
  const part = { type: 'output_text' as const, text: '', annotations: [], logprobs: [] as Logprobs }
  return { ...newItem('msg', 'message'), role: 'assistant', content: [part] }
}

function newReasoning() {
  return { ...newItem('rs', 'reasoning'), summary: [], content: [{ type: 'reasoning_text' as const, text: '' }] }
}

function newCall(call_id: string, called: { namespace?: string; name: string }) {
  return { ...newItem('fc', 'function_call'), call_id, ...called, arguments: '' }
}

function newItem<T extends string>(kind: string, type: T) {
  return { id: newId(kind), type, status: 'in_progress' as Status }
}
