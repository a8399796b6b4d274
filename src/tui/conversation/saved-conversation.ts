import { createHash, randomUUID } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Model } from '../../api/model.js'
import type { SavedSequence } from '../../api/session.js'
import type { ChatMessage, ToolCall } from '../../api/text.js'
import type { ByteSource } from '../../checkpoint/byte-source.js'
import { localFolder } from '../../checkpoint/local-folder.js'
import { readSafetensors } from '../../checkpoint/safetensors.js'
import { LENGTH_BYTES, safetensorsHeader } from '../../checkpoint/safetensors-header.js'
import { MOST_FLOATS, readFloats, readSpan, type Tensor } from '../../checkpoint/tensor.js'
import { UserError } from '../../errors.js'
import { writeAtomically } from '../../files/write-atomically.js'
import { fields, isText, listOf, optional } from '../../json/forms.js'
import { isObject, MOST_JSON_BYTES } from '../../json.js'
import { formatBytes } from '../../numbers.js'
import { printable } from '../../printable.js'
import type { ConversationState } from './conversation.js'

/*
 * The safetensors file of a saved conversation has the tensors `tokens` (I32, all ids), `cache` (F32, rows of the KV
 * cache from Session.save), `check` (F32, the model's output for the last tokens, which identifies the model) and, for
 * models that need them, `checkpoints` (I32, their positions). Its metadata has the turns, and the type of a q8 cache. The metadata begins with
 * `sha256`: the hash of the whole file with zeros in place of these digits.
 */

const FORMAT = 'molm-conversation'
const VERSION = '2'
/** The version before checksums. */
const UNCHECKED = '1'
const NO_SHA256 = '0'.repeat(64)
/** Maximum bytes to hash at once. */
const STEP = 2 ** 24
/** The checksum's digits end before this byte, since they are the header's first entry. */
const DIGITS_END = 256
/**
 * Maximum relative difference of `check`. Kernels of another tier round differently; another model differs far more.
 */
const TOLERANCE = 0.05

/** A conversation with its cache. */
type WholeState = ConversationState & { saved: SavedSequence }

/** Saves a conversation. The file gets its name only once it is complete; `replaces` allows it to replace another. */
export async function saveConversation(
  path: string,
  state: WholeState,
  model: Model,
  { replaces = true } = {},
): Promise<void> {
  const { messages, system, masked, saved } = state
  refuseOver(4 * MOST_FLOATS, saved.rows.byteLength, 'cache')
  if (!replaces && (await isThere(path))) throw new UserError(`${path} exists already; /save! replaces it`)
  const check = await fingerprint(model, saved.tokens)
  const { tokens, rows, checkpoints = new Int32Array(0) } = saved
  const written = safetensorsHeader(
    [
      { name: 'tokens', dtype: 'I32', shape: [tokens.length] },
      { name: 'cache', dtype: 'F32', shape: [rows.length] },
      { name: 'check', dtype: 'F32', shape: [check.length] },
      ...(checkpoints.length > 0 ? [{ name: 'checkpoints', dtype: 'I32', shape: [checkpoints.length] } as const] : []),
    ],
    {
      sha256: NO_SHA256,
      format: FORMAT,
      version: VERSION,
      model: model.name,
      weights: weightsOf(model),
      oldest: String(saved.oldest),
      ...(saved.cacheType && { cacheType: saved.cacheType }),
      ...(masked !== undefined && { masked }),
      system,
      messages: JSON.stringify(messages),
    },
  )
  const header = Buffer.from(written.buffer)
  refuseOver(MOST_JSON_BYTES, header.length - LENGTH_BYTES, 'turns')
  const parts = [header, tokens, rows, check, checkpoints].map(bytesOf)
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  header.write(hash.digest('hex'), header.indexOf(NO_SHA256))
  const partial = join(dirname(path), `.${basename(path)}.${randomUUID()}.partial`)
  await writeAtomically(path, parts, { partial, mode: 0o600 })
}

/** Throws a UserError if a part has more bytes than `loadConversation` accepts. */
function refuseOver(most: number, bytes: number, part: 'cache' | 'turns'): void {
  if (bytes <= most) return
  const [size, limit] = [bytes, most].map(formatBytes)
  throw new UserError(`the conversation is too long to be saved: ${size} of ${part}, and /load takes ${limit} at most`)
}

/** Whether there is a file of this name. */
export function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

/** A loaded conversation. It names the model that it was saved with if its cache does not fit the current one. */
export type LoadedConversation = ConversationState & { otherModel?: string }

/**
 * Rejects with a UserError if the file is not a complete saved conversation. Needs no model, and does not read the
 * cache.
 */
export async function checkConversation(path: string): Promise<void> {
  await withConversation(path, async () => undefined, { skipsChecksum: true })
}

/** Loads a conversation; without its cache if another model saved it, so that its turns must be read again. */
export function loadConversation(path: string, model: Model): Promise<LoadedConversation> {
  return withConversation(path, async ({ tensors, metadata, messages }) => {
    const turns = { messages, system: metadata.system ?? '', masked: metadata.masked }
    const otherModel = printable(String(metadata.model))
    if (metadata.weights !== weightsOf(model)) return { ...turns, otherModel }
    if ((metadata.cacheType === 'q8') !== (model.cacheType === 'q8')) {
      return { ...turns, otherModel: `a cache of ${metadata.cacheType === 'q8' ? 'q8' : 'floats'}` }
    }
    const named = (name: string) => find(tensors, name, path)
    const tokens = await integers(named('tokens'))
    const marks = tensors.find(({ name }) => name === 'checkpoints')
    const saved = {
      tokens,
      oldest: Number(metadata.oldest),
      rows: await readFloats(named('cache')),
      ...(metadata.cacheType === 'q8' && { cacheType: 'q8' as const }),
      ...(marks && { checkpoints: await integers(marks) }),
    }
    const check = await readFloats(named('check'))
    if (isOther(check, await fingerprint(model, tokens)))
      return { ...turns, otherModel: `other weights of ${otherModel}` }
    return { ...turns, saved }
  })
}

/** Parts of a saved conversation, valid while its file is open. */
interface ConversationParts {
  tensors: readonly Tensor[]
  metadata: Readonly<Record<string, string>>
  messages: ChatMessage[]
}

async function withConversation<T>(
  path: string,
  use: (parts: ConversationParts) => Promise<T>,
  { skipsChecksum = false } = {},
): Promise<T> {
  const source = await localFolder(dirname(path)).open(basename(path))
  try {
    const { tensors, metadata } = await readSafetensors(source)
    if (metadata.format !== FORMAT) throw new UserError(`${path}: not a conversation saved by molm`)
    if (metadata.version !== VERSION && metadata.version !== UNCHECKED) {
      throw new UserError(
        `${path}: version ${printable(String(metadata.version))} of saved conversations; this molm reads ${VERSION}`,
      )
    }
    const isChecked = !skipsChecksum && (metadata.version !== UNCHECKED || metadata.sha256 !== undefined)
    if (isChecked && !(await matchesChecksum(source, metadata.sha256))) {
      throw new UserError(`${path}: the saved conversation is damaged (its bytes do not match its checksum)`)
    }
    return await use({ tensors, metadata, messages: messagesOf(metadata.messages, path) })
  } finally {
    await source.close()
  }
}

/** Whether a file has this SHA-256 (in hex), which is written in it. */
async function matchesChecksum(source: ByteSource, sha256 = ''): Promise<boolean> {
  const hash = createHash('sha256')
  for (let at = 0; at < source.size; at += STEP) {
    const bytes = Buffer.from(await source.read(at, Math.min(STEP, source.size - at)))
    const digits = at === 0 && sha256.length === NO_SHA256.length ? bytes.subarray(0, DIGITS_END).indexOf(sha256) : -1
    if (digits >= 0) bytes.write(NO_SHA256, digits)
    hash.update(bytes)
  }
  return hash.digest('hex') === sha256
}

function bytesOf({ buffer, byteOffset, byteLength }: NodeJS.ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}

/** Identifies the shape and the packing of a model's weights. */
function weightsOf({ config, info }: Model): string {
  return JSON.stringify({ config: config.raw, quant: info.quant, bytes: info.bytes })
}

/** The residual stream after the last block for the last token, when the last 8 tokens are run on their own. */
async function fingerprint(model: Model, tokens: Int32Array): Promise<Float32Array> {
  if (tokens.length === 0) return new Float32Array(0)
  const session = model.createSession()
  try {
    const { hidden = [] } = await session.forward(tokens.subarray(-8), { logits: 'none', hidden: true })
    return hidden[hidden.length - 1].slice()
  } finally {
    session.dispose()
  }
}

function isOther(a: Float32Array, b: Float32Array): boolean {
  if (a.length !== b.length) return true
  let difference = 0
  let size = 0
  for (let i = 0; i < a.length; i++) {
    difference += (a[i] - b[i]) ** 2
    size += b[i] ** 2
  }
  return difference > TOLERANCE ** 2 * size
}

function find(tensors: readonly Tensor[], name: string, path: string): Tensor {
  const tensor = tensors.find((tensor) => tensor.name === name)
  if (!tensor) throw new UserError(`${path}: the saved conversation is incomplete (no ${name})`)
  return tensor
}

async function integers(tensor: Tensor): Promise<Int32Array> {
  const { name, dtype, source } = tensor
  if (dtype !== 'I32') throw new UserError(`${source.name}: ${name} must be I32, not ${dtype}`)
  const bytes = await readSpan(tensor)
  return new Int32Array(bytes.slice().buffer)
}

function messagesOf(json: string, path: string): ChatMessage[] {
  try {
    const messages: unknown = JSON.parse(json)
    if (Array.isArray(messages) && messages.every(isMessage)) return messages
  } catch {}
  throw new UserError(`${path}: the saved conversation is incomplete (its turns)`)
}

const isCall = fields<ToolCall>({ id: isText, name: isText, arguments: isObject })

const isMessage = fields<ChatMessage>({
  role: isText,
  content: isText,
  thinking: optional(isText),
  toolCalls: optional(listOf(isCall)),
  toolCallId: optional(isText),
  name: optional(isText),
})
