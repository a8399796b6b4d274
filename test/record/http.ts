import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { useAtOnce } from './at-once.js'
import type { Ask, Served } from './http/asks.js'
import { pageFiles, send } from './http/send.js'
import { settled, startServer } from './http/server.js'
import { SERVERS, writeModels } from './http/servers.js'
import { steadyOutput, steadyResponse } from './http/steady.js'

/** Most of a request's body in its record, in characters. */
const MOST_WRITTEN = 5_000

interface HttpOptions {
  molm: string
  folder: string
  work: string
  /** Servers that run at once. */
  jobs?: number
}

/** Records the answers of `molm serve` to `FOLDER/http`. Each server gets its requests one after the other. */
export async function recordHttp({ molm, folder, work, jobs = 2 }: HttpOptions): Promise<void> {
  for (const name of ['home', 'models']) await mkdir(join(work, name))
  await writeModels(join(work, 'models'))
  const names = new Set<string>()
  const record = async (name: string, text: string) => {
    if (names.has(name)) throw new Error(`two records have the name ${name}`)
    names.add(name)
    await writeFile(join(folder, 'http', `${name}.txt`), text)
  }
  await useAtOnce(SERVERS, jobs, (server) => recordServer(server, { molm, work, record }))
}

interface Recording {
  molm: string
  work: string
  record: (name: string, text: string) => Promise<void>
}

async function recordServer({ name, args, starts, hasPage }: Served, { molm, work, record }: Recording): Promise<void> {
  for (const [i, asks] of starts.entries()) {
    const server = await startServer(molm, args, work)
    try {
      for (const ask of asks) {
        await settled(server.url)
        await record(`${name}-${ask.name}`, `${written(ask)}\n\n${await answered(server.url, ask, work)}`)
      }
      if (hasPage) await record(`${name}-files`, await pageFiles(server.url))
    } finally {
      await record(i === 0 ? `${name}-server` : `${name}-server-${i + 1}`, steadyOutput(await server.stop(), { work }))
    }
  }
}

/** A request as its record has it. */
function written({ method, path, headers, body }: Ask): string {
  const lines = [`${method} ${short(path)}`]
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${short(value)}`)
  if (body !== undefined) lines.push('', short(typeof body === 'string' ? body : JSON.stringify(body)))
  return lines.join('\n')
}

function short(text: string): string {
  return text.length <= MOST_WRITTEN ? text : `${text.slice(0, 200)}... ${text.length} characters`
}

async function answered(url: string, ask: Ask, work: string): Promise<string> {
  const { until } = ask
  let answer = await send(url, ask)
  // Asked again at least once: the cache has the prompt then, however many times it takes.
  for (let left = 20; until !== undefined && left > 0; left--) {
    await settled(url)
    answer = await send(url, ask)
    if (answer.includes(until)) break
  }
  return steadyResponse(answer, { work, drafts: until !== undefined })
}
