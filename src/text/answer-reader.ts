import type { AssistantMessage, Tool } from '../api/chat-options.js'
import type { ResponseField, ResponseTemplate } from '../api/response.js'
import type { ToolCall } from '../api/text.js'
import { type AnswerEnds, Passages } from './answer-text.js'
import { CompiledTemplate, type Region, type RegionKind } from './answers/compiled-template.js'
import { readCalls } from './answers/read-calls.js'
import { type RegionEvent, RegionReader } from './answers/region-reader.js'

/** How an answer is to be read. */
export interface Reading extends AnswerEnds {
  /** Form of the model's answers; without one, all text is content. */
  response?: ResponseTemplate
  /** The rendered prompt, which may end within a region: some templates open the thinking. */
  prompt: string
  /** Beginning of the content that the prompt has already. */
  begun?: string
  /** Tools; their schemas give the types of the arguments. Without any, calls are content. */
  tools?: readonly Tool[]
}

export type AnswerEvent =
  | { kind: 'thinking' | 'content'; text: string }
  /** Text of a call as the model writes it, with its opener and closer. */
  | { kind: 'call'; text: string }
  | { kind: 'called'; call: ToolCall }

/** Content of a template without fields: all of the text. */
const PLAIN: ResponseTemplate = { fields: { content: {} } }

/**
 * Reads a generated answer piece by piece: thoughts, content and calls. However the text is cut into pieces, the message
 * is the same, and so are the joined events. Blanks around thoughts and content are left out.
 *
 * It differs from transformers, which reads the same templates, in order to lose nothing:
 * - Several regions of content become one text, as do several of thoughts. There, the last one replaces the others.
 * - A call that cannot be read becomes content, as the model wrote it. There, it is an error.
 * - A call that was cut off is neither a call nor content, unless it was complete but for its closer: clients look at the
 *   finish reason `length`, and would show or run half a call otherwise.
 * - JSON of a call may have small slips, such as line breaks in strings or Python's True.
 * - A closer within a JSON or Python string of a call does not end the call.
 * - Text outside all regions is dropped, but it is the content of an answer that has nothing else, without the texts
 *   that begin a message.
 * - Text of fields that a message does not have becomes content. `defaults` and `optional` have no effect.
 * - An argument is cast from its text by the tool's schema, if the schema names a type: 007 for a string stays a text.
 */
export class AnswerReader {
  private readonly template: CompiledTemplate
  private readonly regions: RegionReader
  private readonly tools: readonly Tool[]
  private readonly thoughts: Passages
  private readonly content: Passages
  private readonly toolCalls: ToolCall[] = []
  /** The open call: all of it, and its text without opener and closer. */
  private call = { all: '', text: '' }
  /** Text outside all regions, as long as the message is empty. */
  private outside = ''
  /** Length of the prompt's end that is held back: it is no part of the answer. */
  private ofPrompt = 0

  constructor({ response = PLAIN, prompt, begun = '', tools = [], isAnswer, isTurn }: Reading) {
    this.template = CompiledTemplate.of(response)
    this.regions = new RegionReader(this.template)
    this.tools = tools
    this.thoughts = new Passages({ isAnswer: true, isTurn: true })
    this.content = new Passages({ isAnswer, isTurn })
    this.read(this.regions.add(this.template.begunIn(prompt)), false)
    this.ofPrompt = this.regions.heldLength
    this.outside = ''
    this.toolCalls.length = 0
    this.content.restart(begun, isAnswer)
  }

  /** Part of the message that the newest text belongs to. */
  get place(): RegionKind {
    const part = this.regions.region?.part
    return part === undefined || (part === 'call' && this.tools.length === 0) ? 'content' : part
  }

  get message(): AssistantMessage {
    return {
      role: 'assistant',
      content: this.content.text,
      ...(this.thoughts.text !== '' && { thinking: this.thoughts.text }),
      ...(this.toolCalls.length > 0 && { toolCalls: [...this.toolCalls] }),
    }
  }

  /** Adds a piece of generated text and returns what it makes certain. */
  add(piece: string): AnswerEvent[] {
    return this.read(this.regions.add(piece), false)
  }

  /** Ends the answer and returns what was held back. One that was cut keeps its last blanks. */
  end(isCut: boolean): AnswerEvent[] {
    const events = this.read(this.regions.end(), isCut)
    const { place } = this
    events.push(...textEvents('thinking', this.thoughts.end(isCut && place === 'thinking')))
    if (this.isEmpty)
      events.push(...textEvents('content', this.content.add(this.template.withoutAnchors(this.outside))))
    return [...events, ...textEvents('content', this.content.end(isCut && place === 'content'))]
  }

  private get isEmpty(): boolean {
    return this.content.text === '' && this.thoughts.text === '' && this.toolCalls.length === 0
  }

  private read(events: readonly RegionEvent[], isCut: boolean): AnswerEvent[] {
    return events.flatMap((event): AnswerEvent[] => {
      const text = event.text.slice(this.ofPrompt)
      this.ofPrompt -= event.text.length - text.length
      if (event.region?.part === 'call') {
        return this.tools.length > 0 ? this.readCall(event, isCut) : textEvents('content', this.content.add(text))
      }
      if (event.region?.part === 'thinking') return textEvents('thinking', this.readThoughts(event, text))
      if (event.region) return textEvents('content', this.readContent(event, text))
      // Text that belongs to no field is kept until the message has something.
      if (this.isEmpty) this.outside += text
      return []
    })
  }

  private readThoughts({ kind, region }: RegionEvent, text: string): string {
    if (kind === 'open') this.thoughts.begin((region as Region).field)
    if (kind === 'text') return this.thoughts.add(text)
    if (kind !== 'close') return ''
    // Blanks behind thoughts are no part of the content that begins there.
    if (this.content.text === '') this.content.restart('', true)
    return this.thoughts.end(false)
  }

  private readContent({ kind, region }: RegionEvent, text: string): string {
    if (kind === 'text') return this.content.add(text)
    // The field without an opener is one passage, whatever interrupts it.
    if (!region?.open) return ''
    if (kind === 'open') this.content.begin(region.field)
    return kind === 'close' ? this.content.end(false) : ''
  }

  private readCall(event: RegionEvent, isCut: boolean): AnswerEvent[] {
    const { kind, text } = event
    if (kind === 'open') this.call = { all: '', text: '' }
    if (kind === 'text') this.call.text += text
    this.call.all += text
    const events = textEvents('call', text)
    if (kind === 'close') return [...events, ...this.finishCall(event.region.field, event.groups, false)]
    return kind === 'end' ? this.finishCall(event.region.field, event.groups, isCut) : events
  }

  /** Reads the call; if it is none, it is content, but not if it was cut. */
  private finishCall(field: ResponseField, groups: Record<string, string>, isCut: boolean): AnswerEvent[] {
    // A cut call may lack arguments, unless its notation has its own end.
    if (!isCut || !OPEN_ENDED.includes(field.content ?? 'text')) {
      try {
        const calls = readCalls(this.call.text, field, groups, this.tools)
        this.toolCalls.push(...calls)
        return calls.map((call) => ({ kind: 'called', call }))
      } catch {
        // It is no call.
      }
    }
    return isCut ? [] : textEvents('content', this.content.add(this.call.all))
  }
}

/** Parsers whose texts do not show that something is missing. */
const OPEN_ENDED = ['text', 'xml-inline', 'kv-lines']

function textEvents(kind: 'thinking' | 'content' | 'call', text: string): AnswerEvent[] {
  return text === '' ? [] : [{ kind, text }]
}
