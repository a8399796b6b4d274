import { fit } from '../../ground/output/cell-width.js'
import { styled } from '../../ground/output/style.js'
import { wrapTail } from '../../ground/output/wrap.js'
import type { Chat } from '../conversation/chat-state.js'
import type { RunningMarkdown } from '../markdown/running-markdown.js'

/** In front of thoughts. */
export const THOUGHT_MARK = '│ '
/** Lines of running thoughts, unless they are open. */
const FEW_THOUGHTS = 2

/** At least the last `rows` lines of the running answer, if it has them. */
export function textLines(chat: Chat, width: number, rows: number, running: RunningMarkdown): string[] {
  const { answer, drawsMarkdown, isLiteral, painter } = chat
  if (answer === '') return []
  if (!drawsMarkdown || isLiteral) return wrapTail(answer, width, rows)
  return running.lines(answer, rows, { width, depth: painter.depth, background: painter.ground })
}

/** Running thoughts: a line about them, and their last lines; in a low window fewer. */
export function thoughtLines({ thought, areThoughtsOpen, painter }: Chat, width: number, rows: number): string[] {
  if (!thought) return []
  const { depth } = painter
  const most = areThoughtsOpen ? rows : rows < 16 ? 1 : FEW_THOUGHTS
  const lines = wrapTail(thought.text.trimEnd(), width - THOUGHT_MARK.length, most).slice(-most)
  const marked = lines.map((line) => styled(`${THOUGHT_MARK}${line}`, 'dim', depth))
  const head = styled(fit(thought.running, width), 'dim', depth)
  // The first lines of open thoughts may have no room.
  return areThoughtsOpen ? [...marked, head] : [head, ...marked]
}

/** A line while a call is written or its tool runs, which show no text. */
export function workLines({ activity = '', askedTool, painter }: Chat, width: number): string[] {
  const isSilent = askedTool === undefined && /^(writing|running) /.test(activity)
  return isSilent ? [styled(fit(`${activity} ...`, width), 'dim', painter.depth)] : []
}

/** The question whether a tool may run, above the keys that answer it. */
export function questionLines({ askedTool, input, painter }: Chat, width: number): string[] {
  if (askedTool === undefined) return []
  const keys =
    input.text === ''
      ? [
          `y yes · n no · a always, in this chat, for ${askedTool} · Esc stops`,
          'y yes · n no · a always · Esc stops',
          'y · n · a always · Esc',
        ]
      : ['empty the line, then y, n or a', 'empty the line first']
  const shown = keys.find((line) => line.length <= width) ?? keys[keys.length - 1]
  return [
    styled(fit(`run ${askedTool}?`, width), 'bold', painter.depth),
    styled(fit(shown, width), 'dim', painter.depth),
  ]
}
