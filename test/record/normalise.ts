/*
 * Two runs of the same program differ in ids, dates, durations, ports and temporary folders. Everything else that a record
 * has must be the same, so each pattern is as narrow as it can be.
 */

/** Ids that are random. Each becomes its number among those of its kind, so that repeated ones can be seen. */
const IDS = [
  /\b(chatcmpl-|cmpl-)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g,
  /\b((?:req|resp|msg|rs|fc)_)[0-9a-f]{32}\b/g,
  /\b(call_)[0-9a-f]{24}\b/g,
]

const VALUES: [pattern: RegExp, instead: string][] = [
  [/("(?:created|created_at|completed_at|since)":)\d{10}\b/g, '$1<time>'],
  [/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, '<time>'],
  [/\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\b/g, '<time>'],
  [/("(?:total|prompt_eval|eval)_duration":)\d+/g, '$1<n>'],
  [/("time_ms":)\d+/g, '$1<n>'],
  [/(^etag: )"[0-9a-f]{40}"$/gm, '$1<hash>'],
  [/\b(127\.0\.0\.1|localhost):\d+/g, '$1:<port>'],
]

/** Replaces what differs between two runs. `work`: the temporary folder of the recording. */
export function normalise(text: string, { work }: { work: string }): string {
  const seen = new Map<string, string[]>()
  const numbered = (id: string, kind: string) => {
    const ids = seen.get(kind) ?? []
    seen.set(kind, ids)
    if (!ids.includes(id)) ids.push(id)
    return `${kind}<${ids.indexOf(id) + 1}>`
  }
  let normal = text.replaceAll(work, '<work>')
  for (const pattern of IDS) normal = normal.replace(pattern, numbered)
  for (const [pattern, instead] of VALUES) normal = normal.replace(pattern, instead)
  return normal
}
