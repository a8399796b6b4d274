import { formatBytes, plural } from '../../numbers.js'
import { printable } from '../../printable.js'
import { cellWidth, fit } from '../../terminal/cell-width.js'
import type { ChatView } from '../conversation/chat-view.js'

/** The status line: model, packing, speed, context, memory, map. A narrow one drops the least needed parts. */
export function statusLine(chat: ChatView, width: number): string {
  const { model, contextLength: used, activity, speed, memory, isLeaving, queued } = chat
  if (isLeaving) return fit('Ctrl-C again leaves', width)
  const masked = chat.map.maskedExperts
  const limit = model.config.maxPositions ?? (model.config.trainedContext || undefined)
  const isOver = limit !== undefined && used > limit
  const parts: { text: string; need: number }[] = [
    { text: `${printable(model.name)} ${model.info.quant}`, need: 9 },
    ...(activity === undefined ? [] : [{ text: activity, need: 10 }]),
    ...(queued === 0 ? [] : [{ text: `${plural(queued, 'message')} waiting`, need: 8 }]),
    ...(speed === undefined ? [] : [{ text: `${speed < 100 ? speed.toFixed(1) : Math.round(speed)} tok/s`, need: 4 }]),
    { text: `context ${used}${limit === undefined ? '' : `/${limit}`}${isOver ? ' !' : ''}`, need: 6 },
    ...(masked === 0 ? [] : [{ text: `${plural(masked, 'expert')} off`, need: 8 }]),
    ...(memory ? [{ text: `${formatBytes(memory.weightsBytes)} weights`, need: 1 }] : []),
    ...(chat.map.mode === 'off' || chat.map.kinds.length === 0 ? [] : [{ text: `map ${chat.map.mode}`, need: 2 }]),
    { text: '/help', need: 7 },
  ]
  const whole = () => parts.map(({ text }) => text).join(' · ')
  while (parts.length > 1 && cellWidth(whole()) > width) {
    const least = parts.reduce((found, part) => (part.need < found.need ? part : found))
    parts.splice(parts.indexOf(least), 1)
  }
  return fit(whole(), width)
}
