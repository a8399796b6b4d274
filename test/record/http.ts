import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import type { Ask } from './http/asks.js'
import { send } from './http/send.js'
import { settled, startServer } from './http/server.js'
import { SERVERS, writeModel } from './http/servers.js'
import { steadyOutput, steadyResponse } from './http/steady.js'
import { rounded } from './printed.js'

/** Most of a request's body in its record, in characters. */
const MOST_WRITTEN = 1_000

/** Headers that each response has, or that say how its body was sent. */
const USUAL =
  /^(cross-origin-resource-policy|x-content-type-options|x-request-id|x-accel-buffering|cache-control|content-length|date|connection|transfer-encoding): .*\n/gim

/** The record of a server: its requests, one after the other, with its responses, and what it has printed. */
export function runServer(name: string): Promise<string> {
  const served = SERVERS.find((server) => server.name === name)
  if (!served) throw new Error(`there is no server ${name}`)
  const { models, args, starts } = served
  return inTemporaryFolder(async (work) => {
    for (const folder of ['home', 'models']) await mkdir(join(work, folder))
    for (const model of models) await writeModel(join(work, 'models'), model)
    const records: string[] = []
    for (const asks of starts) {
      const server = await startServer(args, work)
      try {
        for (const ask of asks) {
          await settled(server.url)
          const response = steadyResponse(await send(server.url, ask), { work })
          records.push(`## ${ask.name}\n${written(ask)}\n\n${rounded(shortened(response))}\n`)
        }
      } finally {
        records.push(`## server\n${steadyOutput(await server.stop(), { work })}`)
      }
    }
    return records.join('\n')
  })
}

/** A request as its record has it. */
function written({ method, path, headers, body }: Ask): string {
  const lines = [`${method} ${short(path)}`]
  for (const [name, value] of Object.entries(headers)) {
    if (value !== 'application/json') lines.push(`${name}: ${short(value)}`)
  }
  if (body !== undefined) lines.push(short(typeof body === 'string' ? body : JSON.stringify(body)))
  return lines.join('\n')
}

function short(text: string): string {
  return text.length <= MOST_WRITTEN ? text : `${text.slice(0, 100)}... ${text.length} characters`
}

/** A response without the usual headers. A later event of a stream has only the fields that the one before has not. */
function shortened(response: string): string {
  let before: Record<string, unknown> = {}
  const events = response.replace(USUAL, '').split(/\n\n(?=data: |event: )|\n(?=\{)/)
  return events
    .map((event) => {
      const [, head, json] = /^((?:event: .*\n)?(?:data: )?)(\{.*\})$/s.exec(event) ?? []
      if (json === undefined) return event
      const fields: Record<string, unknown> = JSON.parse(json.replace(/:<(\w+)>/g, ':"<$1>"'))
      const differing = Object.entries(fields).filter(
        ([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name]),
      )
      before = fields
      return head + JSON.stringify(Object.fromEntries(differing)).replace(/:"<(\w+)>"/g, ':<$1>')
    })
    .join('\n')
    .trimEnd()
}
