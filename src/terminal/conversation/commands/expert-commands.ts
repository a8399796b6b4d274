import { UsageError } from '../../../ground/errors.js'
import { readBounded } from '../../../ground/files/bounded-file.js'
import { expandHome } from '../../../ground/files/home.js'
import { MOST_JSON_BYTES } from '../../../ground/json/json.js'
import { formatRoughly } from '../../../ground/numbers.js'
import { colourTitle } from '../../../insight/pictures/kinds/coloured-text.js'
import type { ExpertPlace } from '../../../insight/usage/awake.js'
import type { MixtureKind, ModelConfig } from '../../../model/config/config.js'
import type { ExpertMask } from '../../../model/config/expert-mask.js'
import {
  maskInWords,
  maskSpecs,
  maskState,
  parseMask,
  pushText,
  scaledMask,
  withExperts,
} from '../../../model/config/mask-spec.js'
import { maskOfJson } from '../../../model/config/read-mask.js'
import { colourAnswer, parseTextColour, spansWithin, trimSpans } from '../answers/colouring.js'
import { isUnread, readAgain } from '../answers/read-again.js'
import type { Chat } from '../chat-state.js'
import type { ItemSpan } from '../state/items.js'
import { type ComparedMasks, compareAnswers } from './comparison.js'
import { describeAtlas, describeExpert } from './expert-profile.js'
import { bestMask } from './matters.js'

/** Step of + and -, in spreads of the scores. */
const PUSH = 0.5

/** Tokens that are read again without a word about it. */
const FEW_TOKENS = 256

export const EXPERT_ACTIONS = {
  atlas: (chat: Chat) => chat.say('note', describeAtlas(chat.map.atlas, chat.model)),
  expert(chat: Chat, argument: string): void {
    chat.say('note', describeExpert(placeOf(argument, chat.model.config), chat.map))
  },
  async colour(chat: Chat, argument: string): Promise<void> {
    const { model, painter, turns, options } = chat
    if (argument === 'off') {
      chat.colour = undefined
      return chat.say('note', 'answers have no colours from now on')
    }
    if (options.depth === 'none')
      throw new UsageError('this terminal shows no colours; molm experts --colour prints numbers')
    const colour = parseTextColour(argument, model.config)
    chat.colour = colour
    if (!turns.latest && isUnread(chat) && !(await readAgain(chat))) return
    const { latest: tokens } = turns
    if (!tokens) return chat.say('note', `the next answers are coloured by the ${colourTitle(colour)}`)
    const { legend, spans } = colourAnswer(tokens, colour, { model, background: painter.ground, atlas: chat.map.atlas })
    const text = chat.conversation.messages.at(-1)?.content.trim() ?? ''
    const whole: ItemSpan[] = [...legend, { text: '\n' }, ...(spansWithin(text, spans) ?? trimSpans(spans))]
    chat.say('answer', whole.map(({ text }) => text).join(''), { spans: whole })
  },
  mask(chat: Chat, argument: string): void {
    if (argument === '') return chat.say('note', maskList(chat.conversation.mask))
    const specs = specsIn(argument)
    chat.setMask(withExperts(chat.conversation.mask, specs, chat.model.config))
    sayChanged(chat, specs)
  },
  steer(chat: Chat, argument: string): void | Promise<void> {
    if (argument === '') return chat.say('note', maskList(chat.conversation.mask))
    return chat.work(() => steerBy(chat, argument))
  },
  unmask(chat: Chat, argument: string): void {
    const { mask } = chat.conversation
    if (!mask) throw new UsageError('no experts are switched off')
    const specs = specsIn(argument)
    chat.setMask(argument === '' ? undefined : withoutExperts(mask, specs, chat.model.config))
    sayFrom(chat, maskInWords(argument === '' ? mask : parseMask(specs, chat.model.config)), 'on again')
  },
  async without(chat: Chat, argument: string): Promise<void> {
    if (argument === '') throw new UsageError('name an expert: /without 3:mlp:5, or /without best')
    const { mask: before } = chat.conversation
    checkQuestion(chat)
    const specs = argument === 'best' ? await bestMask(chat) : specsIn(argument)
    if (!specs) return
    const after = withExperts(before, specs, chat.model.config)
    const name = maskInWords(parseMask(specs, chat.model.config))
    if (before && maskInWords(after) === maskInWords(before)) {
      throw new UsageError(`${name}: switched off already; /unmask switches experts on again`)
    }
    await compare(chat, { before, after, names: [`with ${name}`, `without ${name}`] })
  },
}

/** Steers experts like `3:mlp:5=+1.5`, or by a file; a number behind its name multiplies its pushes. */
async function steerBy(chat: Chat, argument: string): Promise<void> {
  if (/^\d+:|^\S+=[-+.\d]+(\s|$)/.test(argument)) return EXPERT_ACTIONS.mask(chat, argument)
  const [, path, strength = '1'] = /^(.+?)(?:\s+([-+]?\d+(?:\.\d+)?))?$/.exec(argument) ?? []
  const bytes = await readBounded(expandHome(path), MOST_JSON_BYTES, 'experts are a short list')
  const read = maskOfJson(bytes, path, chat.model.config)
  const specs = maskSpecs(scaledMask(read, Number(strength)))
  chat.setMask(withExperts(chat.conversation.mask, specs, chat.model.config))
  sayChanged(chat, specs)
}

/** Switches the expert under the cursor off or on. If it was on, first answers the last question without it. */
export async function switchExpert(chat: Chat): Promise<void> {
  const { cursor } = chat.map
  if (!cursor) return
  const { kind, layer, expert } = cursor
  const specs = [`${layer}:${kind}:${expert}`]
  const name = maskInWords(parseMask(specs, chat.model.config))
  const { mask: before } = chat.conversation
  if (chat.map.isMasked(kind, layer, expert)) {
    chat.setMask(withoutExperts(before, specs, chat.model.config))
    return sayFrom(chat, name, 'on again')
  }
  const after = withExperts(before, specs, chat.model.config)
  // Before the mask changes, since the last answer has the old one.
  await compare(chat, { before, after, names: [`with ${name}`, `without ${name}`] })
  chat.setMask(after)
  sayFrom(chat, `${name} (x switches it on again)`, 'off')
}

/** Pushes the expert under the cursor up or down, and answers the last question before and after. */
export async function steerExpert(chat: Chat, direction: 1 | -1): Promise<void> {
  const { cursor } = chat.map
  if (!cursor) return
  const { kind, layer, expert } = cursor
  const { mask: before } = chat.conversation
  const now = chat.map.pushOf(kind, layer, expert)
  if (now === 'always' || chat.map.isMasked(kind, layer, expert)) {
    throw new UsageError('this expert is off or always chosen; /unmask frees it')
  }
  const next = now + direction * PUSH
  const after = withExperts(before, [`${layer}:${kind}:${expert}=${next}`], chat.model.config)
  const nameAt = (push: number) => `layer ${layer} ${kind} expert ${expert} at ${pushText(push)}`
  await compare(chat, { before, after, names: [`with ${nameAt(now)}`, `with ${nameAt(next)}`] })
  chat.setMask(after)
  sayFrom(chat, nameAt(next), 'steered')
}

/** The expert that a user names like `3:mlp:5`. */
function placeOf(argument: string, config: ModelConfig): ExpertPlace {
  const [spec, layer, kind, expert] = /^(\d+):([a-z]+):(\d+)$/.exec(argument.trim()) ?? []
  if (spec === undefined) throw new UsageError('name one expert: /expert 3:mlp:5')
  // Throws a UsageError if the model lacks it.
  parseMask([spec], config)
  return { kind: kind as MixtureKind, layer: Number(layer), expert: Number(expert) }
}

function compare(chat: Chat, masks: ComparedMasks): Promise<void> {
  checkQuestion(chat)
  // Throws a UserError if the mask does not fit, before the first answer.
  chat.model.createSession({ mask: masks.after }).dispose()
  return chat.work(() => compareAnswers(chat, masks))
}

function checkQuestion({ conversation }: Chat): void {
  if (conversation.question < 0) throw new UsageError('there is no question to answer again')
}

function specsIn(argument: string): string[] {
  return argument.split(/\s+/).filter((spec) => spec !== '')
}

function sayChanged(chat: Chat, specs: readonly string[]): void {
  const mask = parseMask(specs, chat.model.config)
  sayFrom(chat, maskInWords(mask), maskState(mask))
}

/** Says that experts are off, steered or on, and that the conversation will be read again. */
function sayFrom(chat: Chat, experts: string, state: string): void {
  const { length } = chat.conversation
  const again = length > FEW_TOKENS ? `, which first reads ${formatRoughly(length)} tokens again` : ''
  chat.say('note', `${state} from the next answer on${again}: ${experts}`)
}

/** Removes experts from a mask; undefined if none are left. Throws a UsageError if none of them are in it. */
function withoutExperts(
  mask: ExpertMask | undefined,
  specs: readonly string[],
  config: ModelConfig,
): ExpertMask | undefined {
  const places = specs.map((spec) => spec.replace(/=.*$/, ''))
  const left = withExperts(
    mask,
    places.map((place) => `${place}=0`),
    config,
  )
  const specsLeft = maskSpecs(left)
  if (mask && String(specsLeft) === String(maskSpecs(mask))) {
    throw new UsageError(`${maskInWords(parseMask(places, config))}: not switched off`)
  }
  return specsLeft.length === 0 ? undefined : left
}

function maskList(mask: ExpertMask | undefined): string {
  return mask
    ? `${maskState(mask) === 'off' ? 'switched off' : maskState(mask)}: ${maskInWords(mask)}; /unmask switches them on again`
    : 'no experts are switched off; /mask 3:mlp:5 switches off expert 5 of the MLP experts in layer 3'
}
