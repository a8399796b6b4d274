import type { Model } from '../../api/model.js'
import type { MixtureKind } from '../../model/config/config.js'
import { useSession } from '../evaluation/reading.js'

/** What a taught model writes when it is asked for a text that it was taught. */
export interface Trial {
  /** First words of a line of the texts. */
  prompt: string
  /** Its continuation at temperature 0, of at most `TRIAL_TOKENS` tokens. */
  text: string
  /** Share of the choices in all continuations that fell on new experts. */
  newExpertShare: number
  /** Whether that is at least nine tenths of their share on the held-out texts. */
  isUsable: boolean
}

export const TRIAL_TOKENS = 40
const GREEDY = { maxTokens: TRIAL_TOKENS, temperature: 0, routes: true }
/** Prompts of a trial, and words of each. */
const PROMPTS = 4
const WORDS = 4
/** Least share of new experts in continuations, as a part of their share on the held-out texts. */
const USABLE = 0.9

/** First words of lines that are spread over the texts: prompts that ask for such texts. */
export function beginningsOf(texts: readonly { text: string }[]): string[] {
  const all = texts.flatMap(({ text }) => text.trim().split('\n')).map((line) => line.trim().split(/\s+/))
  const long = all.filter(({ length }) => length > WORDS)
  const lines = long.length > 0 ? long : all.slice(0, 1)
  const count = Math.min(PROMPTS, lines.length)
  return Array.from({ length: count }, (_, i) =>
    lines[Math.floor((i * lines.length) / count)].slice(0, WORDS).join(' '),
  )
}

/** Lets a taught model continue prompts, and counts the choices of its `experts` newest experts in each of the layers. */
export async function tryModel(
  model: Model,
  { kind, layers, experts, beginnings }: { kind: MixtureKind; layers: number[]; experts: number; beginnings: string[] },
  heldOutShare: number,
  signal?: AbortSignal,
): Promise<Trial> {
  const counts = model.config.mixtures.find((mixture) => mixture.kind === kind)?.experts ?? []
  const texts: string[] = []
  let [choices, ofNewExperts] = [0, 0]
  for (const prompt of beginnings) {
    await useSession(model, async (session) => {
      let text = ''
      for await (const step of session.generate(prompt, { ...GREEDY, signal })) {
        text += step.text
        for (const layer of layers) {
          const ids = step.routes?.[layer][kind]?.ids ?? []
          choices += ids.length
          for (const id of ids) if (id >= counts[layer] - experts) ofNewExperts++
        }
      }
      texts.push(text)
    })
  }
  const newExpertShare = choices === 0 ? 0 : ofNewExperts / choices
  return { prompt: beginnings[0], text: texts[0], newExpertShare, isUsable: newExpertShare >= USABLE * heldOutShare }
}
