import { hasForm } from '../../engine/session/prompt.js'
import { formatBytes, plural } from '../../ground/numbers.js'
import { cellWidth, fit, widestOf } from '../../ground/output/cell-width.js'
import { styled } from '../../ground/output/style.js'
import { wrapTail } from '../../ground/output/wrap.js'
import { printable } from '../../ground/printable.js'
import type { Chat } from '../conversation/chat-state.js'
import type { RunningText } from '../conversation/state/screen-state.js'
import { isBlank, thinkingLine } from '../conversation/state/thought.js'
import type { RunningMarkdown } from '../markdown/running-markdown.js'
import { THOUGHT_MARK } from './transcript.js'

const MOST_SUGGESTIONS = 6
const FEW_THOUGHTS = 2

/** The last lines of the running answer, below the progress of reading its prompt or its thoughts. */
export function answerLines(chat: Chat, width: number, rows: number, markdown: RunningMarkdown): string[] {
  const { running, painter } = chat
  if (!running) return []
  const { reading, text } = running
  if (reading !== undefined && text === '') return [styled(fit(reading, width), 'dim', painter.depth)]
  const lines = textLines(chat, running, { width, rows }, markdown)
  return tail([...lines, ...thoughtLines(chat, running, { width, rows }), ...callLines(chat, width)], rows)
}

export function tail<T>(lines: readonly T[], count: number): T[] {
  return count > 0 ? lines.slice(-count) : []
}

interface Space {
  width: number
  rows: number
}

/** At least the last `rows` lines of the running answer, if it has them. */
function textLines(chat: Chat, { text, isLiteral }: RunningText, { width, rows }: Space, markdown: RunningMarkdown) {
  if (text === '') return []
  const { conversation, settings, colour, painter } = chat
  // An answer that has a form, or will be coloured, is shown as written.
  const isMarkdown = settings.drawsMarkdown && !isLiteral && !colour && !hasForm(conversation.parts.asking)
  if (!isMarkdown) return wrapTail(text, width, rows)
  return markdown.lines(text, rows, { width, depth: painter.depth, background: painter.ground })
}

/** Running thoughts: a line about them, and their last lines; in a low window fewer. */
function thoughtLines({ areThoughtsOpen, painter }: Chat, { thought }: RunningText, { width, rows }: Space): string[] {
  if (thought.endedAt !== undefined || isBlank(thought)) return []
  const { depth } = painter
  const most = areThoughtsOpen ? rows : rows < 16 ? 1 : FEW_THOUGHTS
  const lines = wrapTail(thought.text.trimEnd(), width - THOUGHT_MARK.length, most).slice(-most)
  const marked = lines.map((line) => styled(`${THOUGHT_MARK}${line}`, 'dim', depth))
  const head = styled(fit(thinkingLine(thought), width), 'dim', depth)
  // The first lines of open thoughts may have no room.
  return areThoughtsOpen ? [...marked, head] : [head, ...marked]
}

/** A line while a call is written or its tool runs, which show no text. */
function callLines(chat: Chat, width: number): string[] {
  const activity = activityOf(chat) ?? ''
  return /^(writing|running) /.test(activity) ? [styled(fit(`${activity} ...`, width), 'dim', chat.painter.depth)] : []
}

/** Work of the model or of a tool, in words; undefined when idle. */
export function activityOf({ running, state }: Pick<Chat, 'running' | 'state'>): string | undefined {
  if (!running) return state === 'working' ? 'working' : undefined
  const { call, reading, part } = running
  if (call?.state === 'asked') return 'asking'
  if (call?.state === 'running') return `running ${call.tool}`
  if (reading !== undefined) return 'reading'
  if (part === 'thinking') return 'thinking'
  return part === 'call' ? 'writing a call' : 'answering'
}

export function questionLines({ running, input, painter }: Chat, width: number): string[] {
  const { call } = running ?? {}
  if (call?.state !== 'asked') return []
  const { tool } = call
  const whole = 'y yes · n no · a always'
  const keys =
    input.text === ''
      ? [`${whole}, in this chat, for ${tool} · Esc stops`, `${whole} · Esc stops`, 'y · n · a always · Esc']
      : ['empty the line, then y, n or a', 'empty the line first']
  const shown = keys.find((line) => line.length <= width) ?? keys[keys.length - 1]
  return [styled(fit(`run ${tool}?`, width), 'bold', painter.depth), styled(fit(shown, width), 'dim', painter.depth)]
}

/** The suggestions around the chosen one, and the number of the others. */
export function suggestionLines({ input, painter }: Chat, width: number): string[] {
  const { suggestions, chosen = 0 } = input
  const widest = widestOf(suggestions.map(({ label }) => label))
  const last = Math.max(0, suggestions.length - MOST_SUGGESTIONS)
  const first = Math.min(Math.max(0, chosen - MOST_SUGGESTIONS + 1), last)
  const dim = (text: string) => styled(fit(text, width), 'dim', painter.depth)
  const lines = suggestions.slice(first, first + MOST_SUGGESTIONS).map(({ label, summary }, i) => {
    const line = `${label.padEnd(widest)}  ${summary}`.trimEnd()
    return first + i === input.chosen ? fit(`› ${line}`, width) : dim(`  ${line}`)
  })
  const others = suggestions.length - lines.length
  return others > 0 ? [...lines, dim(`  … ${others} more`)] : lines
}

/** The status line: model, packing, speed, context, memory, map. A narrow one drops the least needed parts. */
export function statusLine(chat: Chat, width: number): string {
  const { model, map, queue, memory, latest } = chat
  const dim = (text: string) => styled(fit(text, width), 'dim', chat.painter.depth)
  if (chat.isLeaving) return dim('Ctrl-C again leaves')
  const speed = latest?.answer.tokensPerSecond
  const limit = model.config.maxPositions ?? (model.config.trainedContext || undefined)
  const used = chat.conversation.length
  const context = limit === undefined ? `${used}` : `${used}/${limit}${used > limit ? ' !' : ''}`
  const all: [need: number, text: string | false | undefined][] = [
    [9, `${printable(model.name)} ${model.info.quant}`],
    [10, activityOf(chat)],
    [8, queue.length > 0 && `${plural(queue.length, 'message')} waiting`],
    [4, speed !== undefined && `${speed < 100 ? speed.toFixed(1) : Math.round(speed)} tok/s`],
    [6, `context ${context}`],
    [8, map.maskedExperts > 0 && `${plural(map.maskedExperts, 'expert')} off`],
    [8, map.steeredExperts > 0 && `${plural(map.steeredExperts, 'expert')} steered`],
    [1, memory && `${formatBytes(memory.weightsBytes)} weights`],
    [2, map.isOn && `map ${map.mode}`],
    [7, '/help'],
  ]
  const parts = all.filter(([, text]) => text)
  const whole = () => parts.map(([, text]) => text).join(' · ')
  while (parts.length > 1 && cellWidth(whole()) > width) {
    const least = Math.min(...parts.map(([need]) => need))
    parts.splice(
      parts.findIndex(([need]) => need === least),
      1,
    )
  }
  return dim(whole())
}
