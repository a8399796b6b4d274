import type { TokenEffect } from '../../../api/read-out.js'
import { UsageError } from '../../../ground/errors.js'
import { nameIn } from '../../../insight/atlas/atlas.js'
import { lensOf, type SpokenExpert } from '../../../insight/lens.js'
import { percent, visibleToken } from '../../../insight/pictures/blocks/labels.js'
import type { Chat } from '../chat-state.js'

/** Says what the experts of the chosen layer say for the token of the walk. */
export async function showLens(chat: Chat): Promise<void> {
  const { ids, at } = idsOfToken(chat)
  const tokens = ids.slice(0, at + 1)
  const looked = chat.map.shown
  await chat.work(async () => {
    const lens = await lensOf(chat.model, tokens, { mask: chat.conversation.mask })
    if (looked) looked.lens = lens
    const { layer, atlas } = chat.map
    const lines = lens.experts
      .filter((one) => one.layer === layer)
      .map((one) => {
        const { kind, expert, gate, share } = one
        const name = nameIn(atlas, one)
        const head = `${kind} ${expert}${name === undefined ? '' : ` (${name})`}: gate ${percent(gate)}, ${percent(share)} of the stream`
        return `${head}\n  ${saidBy(chat, one)}`
      })
    const token = JSON.stringify(visibleToken(chat.model.tokenizer.decode(tokens.slice(-1))))
    chat.say('note', `experts of ${token} in layer ${layer}, through the model’s head:\n${lines.join('\n')}`)
  })
}

/** Ids of the conversation, and the place of a token of the map among them. */
export function idsOfToken({ map, conversation }: Chat, index = map.selected): { ids: readonly number[]; at: number } {
  const { tokens } = map
  if (index === undefined) throw new UsageError('walk to a token first: ←')
  const ids = conversation.read.idsTo(conversation.messages.at(-1))
  const at = ids.length - (tokens.length - index)
  // Older tokens of the map may belong to a text that has been cut.
  if (at >= 0 && ids[at] === tokens[index]?.id) return { ids, at }
  throw new UsageError('this token is no longer in the model’s memory: /retry reads it again')
}

function saidBy({ model }: Chat, { up, down }: SpokenExpert): string {
  const words = (effects: readonly TokenEffect[]) =>
    effects.map(({ token }) => JSON.stringify(visibleToken(model.tokenizer.decode([token])))).join(' ')
  return `up ${words(up)} · down ${words(down)}`
}
