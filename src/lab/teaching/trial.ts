import type { Model } from '../../api/model.js'
import { logSumExp } from '../../engine/sampling/logprobs.js'
import { useSession } from '../../insight/texts/reading.js'
import { gatesOf, type TeachingAccount } from './records.js'

/** Answer of a taught model that is asked for a text that it was taught. */
export interface Trial {
  /** First words of a line of the texts. */
  prompt: string
  /** Its continuation at temperature 0, of at most `TRIAL_TOKENS` tokens. */
  text: string
  /** Fall of the loss that the new experts bring, in nats a token: in this text or in all continuations, if that is less. */
  gain: number
  /** Whether that is at least nine tenths of what they bring in the held-out texts with open gates. */
  isUsable: boolean
}

export const TRIAL_TOKENS = 40
/** Prompts of a trial, and words of each. */
const PROMPTS = 4
const WORDS = 4
/** Least gain in continuations, as a share of the gain in the held-out texts with open gates. */
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

/** Lets a taught model continue prompts, and compares it with itself without its newest experts: the original model. */
export async function tryModel(model: Model, account: TeachingAccount, signal?: AbortSignal): Promise<Trial> {
  const { kind, layers, experts, beginnings, held_out_loss: loss } = account
  const counts = model.config.mixtures.find((mixture) => mixture.kind === kind)?.experts ?? []
  const newest = counts.map((count, layer) =>
    layers.includes(layer) ? Array.from({ length: experts }, (_, i) => count - experts + i) : [],
  )
  const mask = { [kind]: newest, gates: 'kept' } as const
  const texts: string[] = []
  const means: number[] = []
  let [sum, written] = [0, 0]
  for (const beginning of beginnings) {
    const prompt = model.tokenizer.encode(beginning)
    const ids = [...prompt]
    let [text, gain] = ['', 0]
    await useSession(model, async (session) => {
      for await (const step of session.generate(prompt, { maxTokens: TRIAL_TOKENS, temperature: 0, signal })) {
        text += step.text
        gain += step.logprob
        ids.push(step.token)
      }
    })
    texts.push(text)
    written += ids.length - prompt.length
    const { logits } = await useSession(model, (session) => session.forward(ids, { logits: 'all', signal }), { mask })
    for (let t = prompt.length; t < ids.length; t++) {
      const row = logits.subarray((t - 1) * model.config.vocabSize, t * model.config.vocabSize)
      gain += logSumExp(row) - row[ids[t]]
    }
    sum += gain
    means.push(sum / Math.max(1, written))
  }
  // The mean after the first continuation, and after all.
  const gain = Math.min(means[0], means[means.length - 1])
  const [open] = gatesOf(account)
  const isUsable = written > 0 && gain >= USABLE * Math.max(0, loss.before - open.heldOutLoss)
  return { prompt: beginnings[0], text: texts[0], gain, isUsable }
}
