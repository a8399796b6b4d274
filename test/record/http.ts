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
    let before: Ask | undefined
    for (const asks of starts) {
      const server = await startServer(args, work)
      try {
        for (const ask of asks) {
          await settled(server.url)
          const response = steadyResponse(await send(server.url, ask), { work })
          records.push(`## ${ask.name}\n${written(ask, before)}\n\n${rounded(shortened(response))}\n`)
          before = ask
        }
      } finally {
        records.push(`## server\n${steadyOutput(await server.stop(), { work })}`)
      }
    }
    return records.join('\n')
  })
}

/** A request as its record has it. Fields that the request before has, too, are left out. */
function written({ method, path, headers, body }: Ask, before?: Ask): string {
  const lines = [`${method} ${short(path)}`]
  for (const [name, value] of Object.entries(headers)) {
    if (value !== 'application/json') lines.push(`${name}: ${short(value)}`)
  }
  if (typeof body === 'string') lines.push(short(body))
  else if (body !== undefined) {
    const former = before?.path === path ? before.body : undefined
    lines.push(short(JSON.stringify(differing(body as object, former))))
  }
  return lines.join('\n')
}

function short(text: string): string {
  return text.length <= MOST_WRITTEN ? text : `${text.slice(0, 100)}... ${text.length} characters`
}

/** A response without the usual headers. A later event of a stream has only the fields that the one before has not. */
function shortened(response: string): string {
  let before: object = {}
  const events = response.replace(USUAL, '').split(/\n\n(?=data: |event: )|\n(?=\{)/)
  return events
    .map((event) => {
      const [, head, json] = /^((?:event: .*\n)?(?:data: )?)(\{.*\})$/s.exec(event) ?? []
      if (json === undefined) return event
      const fields: object = JSON.parse(json.replace(/:<(\w+)>/g, ':"<$1>"'))
      const shown = JSON.stringify(differing(fields, before)).replace(/:"<(\w+)>"/g, ':<$1>')
      before = fields
      return head + shown
    })
    .join('\n')
    .trimEnd()
}

/** The fields of an object that another has not, or not so. */
function differing(fields: object, before: unknown): object {
  const former = (before ?? {}) as Record<string, unknown>
  const isOther = ([name, value]: [string, unknown]) => JSON.stringify(value) !== JSON.stringify(former[name])
  return Object.fromEntries(Object.entries(fields).filter(isOther))
}
