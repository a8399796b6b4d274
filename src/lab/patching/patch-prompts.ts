import type { Model } from '../../api/model.js'
import { UsageError } from '../../ground/errors.js'
import { RecordedRun } from '../../insight/interventions/recorded-run.js'
import { type ReadingCounts, Readings, readAnswer } from '../../insight/matters/readings.js'
import { useSession, withOwnSignal } from '../../insight/texts/reading.js'
import type { ExpertPlace } from '../../insight/usage/awake.js'
import { type Reader, readerOf } from '../../insight/usage/text-routes.js'
import type { Intervention } from '../../model/config/intervention.js'
import { MeasureJournal } from '../ablation/journal.js'

export interface PatchOptions {
  /** File of the measures so far. A later run with the same model and prompts resumes from it. Default: none. */
  journal?: string
  onProgress?: (readings: ReadingCounts) => void
  signal?: AbortSignal
}

/** Effect of values of one prompt in the run of another. */
export interface Effect {
  /** Log-probability of the answer. */
  logprob: number
  /** Share of the difference between the prompts that they bring back: 0 for none, 1 for all. */
  restored: number
}

/** The residual stream after a layer, or all of a layer's experts of a kind, at one token. */
interface Place extends Pick<Intervention, 'layer' | 'part'> {
  token: number
}

/** Experts at all tokens. */
interface Coalition {
  experts: ExpertPlace[]
}

export interface Patching {
  model: Reader
  /** Tokens of both prompts, of the same number. */
  clean: readonly number[]
  corrupt: readonly number[]
  answer: string
  /** Log-probability of the answer after each prompt. */
  logprobs: { clean: number; corrupt: number }
  places: (Place & Effect)[]
  /** Single experts, by falling shares. */
  experts: (ExpertPlace & Effect)[]
  /** Each has one expert more than the one before, the one that then brings back most. */
  coalitions: (Coalition & Effect)[]
}

const MOST_TOGETHER = 5
const CANDIDATES = 16
/** Least share that an expert adds to a coalition. */
const LEAST_GAIN = 0.02

/**
 * Causal tracing: reads an answer after the prompt `corrupt`, with values that layers have in the prompt `clean` at the
 * same tokens, and says how much of the answer's log-probability each of them brings back. Rejects with a UsageError if
 * the prompts differ in the number of tokens, or if the answer is not likelier after `clean`.
 */
export function patchPrompts(
  model: Model,
  clean: readonly number[],
  corrupt: readonly number[],
  answer: readonly number[],
  options: PatchOptions = {},
): Promise<Patching> {
  const [a, b] = [clean, corrupt].map(({ length }) => length)
  if (a !== b) throw new UsageError(`the prompts have ${a} and ${b} tokens; they must have the same number`)
  if (answer.length === 0) throw new UsageError('there is no answer')
  // Tokens before the first difference compute the same.
  const first = clean.findIndex((token, i) => token !== corrupt[i])
  if (first < 0) throw new UsageError('the prompts are the same')
  const tokens = [...clean.keys()].slice(first)
  return withOwnSignal(options.signal, async (signal) => {
    const read = async (prompt: readonly number[], interventions?: Intervention[]) => {
      const reading = await useSession(model, (session) => readAnswer(session, prompt, answer, { signal }), {
        interventions,
      })
      return reading.logprob
    }
    const logprobs = { clean: await read(clean), corrupt: await read(corrupt) }
    if (logprobs.clean <= logprobs.corrupt) throw new UsageError('the answer is not likelier after the first prompt')
    const runs = await Promise.all([clean, corrupt].map((ids) => RecordedRun.read(model, ids, { signal })))
    const [places, experts] = [placesOf(model, runs[0], tokens), expertsOf(model, runs, tokens)]
    const most = places.length + experts.length + (MOST_TOGETHER - 1) * CANDIDATES
    const readings = new Readings(clean.length + answer.length, most, options.onProgress)
    const about = [logprobs, corrupt, answer]
    const journal =
      options.journal === undefined ? undefined : await MeasureJournal.open(options.journal, model, [clean], about)
    const measure: Measure = async (changes) => {
      const found: Measured<(typeof changes)[number]['place']>[] = []
      const work = async ({ place, interventions }: Change<unknown>) => {
        const name = JSON.stringify(place)
        const [known] = journal?.numbersOf(name) ?? []
        return { name, known, logprob: known ?? (await read(corrupt, interventions)) }
      }
      for await (const { change, result } of readings.each(changes, work)) {
        const { name, known, logprob } = result
        if (known === undefined) await journal?.add(name, [logprob])
        const restored = (logprob - logprobs.corrupt) / (logprobs.clean - logprobs.corrupt)
        found.push({ ...change, effect: { logprob, restored } })
      }
      return found
    }
    try {
      const measured = await measure(places)
      const ranked = (await measure(experts)).sort(byShare)
      const coalitions = await coalitionsOf(ranked, measure)
      return {
        ...{ model: readerOf(model), clean, corrupt, answer: model.tokenizer.decode(answer), logprobs },
        places: measured.map(({ place, effect }) => ({ ...place, ...effect })),
        experts: ranked.map(({ place, effect }) => ({ ...place.experts[0], ...effect })),
        coalitions: coalitions.map(({ place, effect }) => ({ ...place, ...effect })),
      }
    } finally {
      await journal?.close()
    }
  })
}

interface Change<Of> {
  place: Of
  interventions: Intervention[]
}

type Measured<Of> = Change<Of> & { effect: Effect }

function placesOf({ config }: Model, run: RecordedRun, tokens: readonly number[]): Change<Place>[] {
  const parts = [...config.mixtures.map(({ kind }) => kind), 'residual' as const]
  const layers = [...Array(config.layers).keys()]
  const all = tokens.flatMap((token) => layers.flatMap((layer) => parts.map((part) => ({ layer, part, token }))))
  return all.flatMap(({ layer, part, token }) => {
    const interventions = part === 'residual' ? [run.residual(layer, token)] : run.mixture({ layer, kind: part }, token)
    return interventions.length > 0 ? [{ place: { layer, part, token }, interventions }] : []
  })
}

/** Experts that a token uses in one of the runs. */
function expertsOf({ config }: Model, runs: RecordedRun[], tokens: readonly number[]): Change<Coalition>[] {
  return config.mixtures.flatMap(({ kind, experts }) =>
    experts.flatMap((count, layer) => {
      const used = new Set(
        tokens.flatMap((token) => runs.flatMap((run) => [...run.given({ layer, kind }, token).keys()])),
      )
      const places = Array.from({ length: count }, (_, expert) => ({ layer, kind, expert }))
      return places
        .filter(({ expert }) => used.has(expert))
        .map((place) => ({
          place: { experts: [place] },
          interventions: tokens.map((token) => runs[0].expert(place, token)),
        }))
    }),
  )
}

type Measure = <Of>(changes: readonly Change<Of>[]) => Promise<Measured<Of>[]>

/** Adds to the best expert, one by one, the one that then brings back most. */
async function coalitionsOf(ranked: readonly Measured<Coalition>[], measure: Measure): Promise<Measured<Coalition>[]> {
  const coalitions = ranked.slice(0, 1)
  for (let [last] = coalitions; last && coalitions.length < MOST_TOGETHER; ) {
    const others = ranked.slice(0, CANDIDATES).filter(({ place }) => !last.place.experts.includes(place.experts[0]))
    const joined = others.map((one) => ({
      place: { experts: [...last.place.experts, ...one.place.experts] },
      interventions: [...last.interventions, ...one.interventions],
    }))
    const [best] = (await measure(joined)).sort(byShare)
    if (!(best?.effect.restored >= last.effect.restored + LEAST_GAIN)) break
    coalitions.push(best)
    last = best
  }
  return coalitions
}

const byShare = (a: Measured<unknown>, b: Measured<unknown>) => b.effect.restored - a.effect.restored
