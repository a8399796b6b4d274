import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { loadModel } from '#molm/index.js'
import type { ConversationState } from '#molm/tui/conversation/conversation.js'
import { loadConversation, saveConversation } from '#molm/tui/conversation/saved-conversation.js'
import { rehashed, safetensors } from '../../support/safetensors-writer.js'
import { bytesOf, type Files, replaced, take, utf8 } from '../files.js'
import { expect, type Format } from '../format.js'
import { harmBytes } from '../harm-bytes.js'
import { harmJson, hostileValue } from '../harm-json.js'
import { tinyCheckpoint, tinyFixture } from '../tiny-checkpoints.js'

const FILE = 'talk.safetensors'
/** Number of the model that saved the conversation. */
const MODEL = 'model'
/** There if the checksum is that of the damaged bytes. */
const REHASHED = 'rehashed'
const WITH_CHECKPOINTS = ['72-gptoss-mxfp4', '82-lfm2moe-bf16-sharded']

/**
 * Saved conversations, restored into a session that continues them. A file must be restored exactly or refused. With a
 * checksum of the damaged bytes, damage may go unnoticed, but must do no harm.
 */
export const conversation: Format = {
  name: 'conversation',
  inputs: 1500,
  async prepare(dir) {
    const folders = [(await tinyCheckpoint(dir)).dir]
    // Models with windows and with running states, whose sequences have checkpoints.
    for (const name of WITH_CHECKPOINTS) folders.push((await tinyFixture(dir, name)).dir)
    const models = await Promise.all(folders.map((folder) => loadModel(folder, { threads: 1, quant: 'f32' })))
    const saved: Files[] = []
    const states: string[] = []
    for (const [i, model] of models.entries()) {
      // A complete conversation, one that has forgotten its beginning, and one that has not begun.
      for (const [tokens, context] of [[6, 100], i === 0 ? [90, 20] : [90, 100], [0, 100]]) {
        const session = model.createSession()
        if (tokens > 0)
          for await (const _ of session.generate([1], { maxTokens: tokens, context, seed: 1, ignoreEos: true }));
        const messages = [
          { role: 'user', content: 'Hello' },
          { role: 'assistant', content: 'Hello.' },
        ]
        const folder = join(dir, `talk-${saved.length}`)
        mkdirSync(folder)
        const state = { messages, system: '', saved: await session.save() }
        await saveConversation(join(folder, FILE), state, model)
        saved.push(new Map([...take(folder), [MODEL, utf8(String(i))]]))
        states.push(textOf(state))
      }
    }
    return {
      onDisk: true,
      sound: (chance) => chance.pick(saved),

      harm(files, chance) {
        const bytes = bytesOf(files, FILE)
        if (chance.oneIn(3)) return replaced(files, FILE, harmBytes(bytes, chance))
        const end = 8 + Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true))
        const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, end)))
        const isRehashed = chance.oneIn(2)
        if (isRehashed) chance.note('with a checksum of the damaged bytes')
        const as = (bytes: Uint8Array): Files =>
          isRehashed
            ? new Map([...replaced(files, FILE, rehashed(bytes)), [REHASHED, utf8('')]])
            : replaced(files, FILE, bytes)
        if (chance.oneIn(3)) {
          const oldest = JSON.stringify(chance.pick([hostileValue(chance), chance.between(-100, 100)]))
          chance.note(`oldest = ${oldest.slice(0, 100)}`)
          header.__metadata__.oldest = oldest
          return as(safetensors(header, bytes.subarray(end)))
        }
        const marks: number[] | undefined = header.checkpoints?.data_offsets
        if (marks && chance.oneIn(2)) {
          const data = Buffer.from(bytes.subarray(end))
          const at = marks[0] + 4 * chance.below((marks[1] - marks[0]) / 4)
          const position = chance.pick([0, -1, 2 ** 31 - 1, chance.between(-100, 100)])
          chance.note(`a checkpoint at ${position}`)
          data.writeInt32LE(position, at)
          return as(safetensors(header, data))
        }
        const text = new TextDecoder().decode(harmJson(header, chance, 'header'))
        return as(safetensors(text, bytes.subarray(end)))
      },

      async read({ dir, files }) {
        const model = models[Number(new TextDecoder().decode(bytesOf(files, MODEL)))]
        const { otherModel, ...state } = await loadConversation(join(dir, FILE), model)
        const { saved, messages, system } = state
        if (!files.has(REHASHED)) {
          expect(states.includes(textOf(state)), 'the restored conversation differs from the saved one')
        }
        expect(typeof system === 'string' && Array.isArray(messages), 'it has no turns')
        expect(saved !== undefined || otherModel !== undefined, 'it has no cache and gives no reason')
        if (!saved) return
        const session = model.createSession()
        try {
          await session.restore(saved)
          const { logits } = await session.forward([1])
          expect(
            session.length === saved.tokens.length + 1,
            `it has ${session.length} of ${saved.tokens.length} tokens`,
          )
          expect(logits.length === model.config.vocabSize, `it gives ${logits.length} logits`)
        } finally {
          session.dispose()
        }
      },

      async close() {
        for (const model of models) await model.dispose()
      },
    }
  },
}

/** Everything that a file keeps of a conversation. */
function textOf({ messages, system, saved }: ConversationState): string {
  const { tokens = [], oldest = 0, rows = [], checkpoints = [] } = saved ?? {}
  return JSON.stringify([messages, system, [...tokens], oldest, [...rows].map(String), [...checkpoints]])
}
