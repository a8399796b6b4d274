import type { ConversationInfo } from '../../conversations/conversation-info.js'
import { formatElapsed } from '../../numbers.js'
import { cellWidth, fit } from '../../terminal/cell-width.js'

/** Seconds after which the age of a conversation is a date. */
const DAY = 24 * 60 * 60
/** Columns between a title and what follows it. */
const GAP = 2

/** The latest `most` conversations as numbered lines of at most `width` columns, the current one with a sign. */
export function listLines(
  infos: readonly ConversationInfo[],
  { current, width, most, now = new Date() }: { current?: string; width: number; most: number; now?: Date },
): string[] {
  const shown = infos.slice(0, most)
  const rows = shown.map((info, i) => {
    const { id, title, messages, changed } = info
    const mark = id === current ? '›' : ' '
    return {
      start: `${mark} ${`${i + 1}`.padStart(`${shown.length}`.length)}  `,
      title,
      messages: `${messages}`,
      age: ageOf(changed, now),
    }
  })
  const widest = (key: 'title' | 'messages' | 'age') => Math.max(0, ...rows.map((row) => cellWidth(row[key])))
  const [counts, ages] = [widest('messages'), widest('age')]
  const lines = rows.map(({ start, title, messages, age }) => {
    const end = `${messages.padStart(counts)} messages  ${age.padEnd(ages)}`
    const room = Math.min(widest('title'), Math.max(1, width - start.length - GAP - end.length))
    const cut = fit(title, room)
    return fit(`${start}${cut}${' '.repeat(room - cellWidth(cut) + GAP)}${end}`, width).trimEnd()
  })
  const others = infos.length - shown.length
  return others > 0 ? [...lines, `... ${others} more: molm chat --list`] : lines
}

function ageOf(date: Date, now: Date): string {
  const seconds = Math.max(0, (Number(now) - Number(date)) / 1000)
  return seconds < DAY ? `${formatElapsed(seconds)} ago` : date.toISOString().slice(0, 10)
}
