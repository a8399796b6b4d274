import { normalise } from '../normalise.js'

/** Metrics whose values are times, or depend on drafts, on what was read ahead, or on how often the recorder looks. */
const UNSTEADY_METRIC =
  /^(molm_(?:\w+_bucket|\w+_sum|process_resident_bytes|cache_bytes|batch_tokens|micro_batches_total|processed_tokens_total|expert_\w+_total)(?:\{.*\})?|molm_\w+\{.*path="\/health".*\}) .*$/gm

const DRAFTS = '"accepted_prediction_tokens":(\\d+),"rejected_prediction_tokens":(\\d+)'
const ALL_DRAFTS = new RegExp(`,"(?:completion|output)_tokens_details":\\{${DRAFTS}\\}|,${DRAFTS}`, 'g')

/**
 * A response without what differs between two runs: besides ids and times, its drafts, since a step that looks dear on a
 * busy machine gets none, and reports of progress before the last, since a reader may miss them. Several choices in a
 * stream come one after the other.
 */
export function steadyResponse(text: string, { work }: { work: string }): string {
  const steady = withSortedEvents(text.replace(ALL_DRAFTS, '').replace(UNSTEADY_METRIC, '$1 <n>'))
  const normal = normalise(steady, { work })
  const isOther = bodyOf(normal) !== bodyOf(text)
  return isOther ? normal.replace(/^(content-length): \d+$/im, '$1: <n>') : normal
}

/** The outputs of a server, whose log of requests has times and the recorder's looks at its health. */
export function steadyOutput(text: string, { work }: { work: string }): string {
  const steady = text.replace(/^molm: GET \/health .*\n/gm, '').replace(/\b[\d.]+ m?s\b/g, '<n> ms')
  return normalise(steady, { work })
}

function bodyOf(response: string): string {
  return response.slice(response.indexOf('\n\n'))
}

function withSortedEvents(response: string): string {
  // A comment only keeps an idle connection open.
  const events = response.split('\n\n').filter((event) => !event.startsWith(': '))
  const isProgress = (event: string) => event.includes('"prompt_progress":')
  const lastProgress = events.findLastIndex(isProgress)
  const last = events.filter((event, i) => !isProgress(event) || i === lastProgress)
  const order = last.map((event, i) => ({ event, at: choiceOf(event), i }))
  // Those before and after the choices keep their places.
  const choices = order.filter(({ at }) => at >= 0)
  const sorted = [...choices].sort((a, b) => a.at - b.at || a.i - b.i)
  for (const [j, { i }] of choices.entries()) last[i] = sorted[j].event
  return last.join('\n\n')
}

/** Index of the choice that an event of a stream is about, or -1. */
function choiceOf(event: string): number {
  const [, index] = /^data: \{.*?"choices":\[\{(?:"text":"(?:[^"\\]|\\.)*",)?"index":(\d+)/.exec(event) ?? []
  return index === undefined ? -1 : Number(index)
}
