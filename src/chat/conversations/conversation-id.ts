import { randomBytes } from 'node:crypto'

/**
 * The interface that a conversation began in. The id of one from `molm run` ends with `-run`, so that old ones are found
 * by their names.
 */
export type Origin = 'chat' | 'run'

/** Ending of the files. */
const ENDING = '.jsonl'

/** An id that sorts by time and can name a file: `20261127-161459-k3f9x2`, in UTC. */
export function newId(origin: Origin, now = new Date()): string {
  const [day, time] = now.toISOString().slice(0, 19).split('T')
  const random = [...randomBytes(6)].map((byte) => (byte % 36).toString(36)).join('')
  return `${day.replaceAll('-', '')}-${time.replaceAll(':', '')}-${random}${origin === 'run' ? '-run' : ''}`
}

export function originOf(id: string): Origin {
  return id.endsWith('-run') ? 'run' : 'chat'
}

export function fileNameOf(id: string): string {
  return `${id}${ENDING}`
}

/** The id of a file's conversation; undefined if the file has another kind of name. */
export function idOf(fileName: string): string | undefined {
  const id = fileName.endsWith(ENDING) ? fileName.slice(0, -ENDING.length) : ''
  return /^[\w-]{1,100}$/.test(id) ? id : undefined
}
