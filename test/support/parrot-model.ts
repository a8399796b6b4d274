import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BYTE_ALPHABET } from '#molm/model/checkpoint/byte-pair-forms.js'
import { type ParrotFormatName, parrotFormat } from './parrot-formats.js'
import { type Chain, type ParrotAnswer, splitScripts } from './parrot-script.js'
import { type WrittenTensor, writeTensors } from './synthetic-checkpoint.js'

export type { ParrotFormatName } from './parrot-formats.js'
export { callOf, type ParrotAnswer } from './parrot-script.js'

/*
 * A parrot is a ModuleFormer of one layer with weights by hand. Each token has its own channel. The attention, which
 * finds the newest key that fits, finds the newest piece of a script and adds the channel of its stretch; a neuron adds
 * one for each shared token that follows a stretch. The head reads the next token from these.
 */

export interface ParrotOptions {
  format: ParrotFormatName
  /** In any order; the one for all else may be missing, and then such an answer is empty. */
  answers: readonly ParrotAnswer[]
  /** Replaces the chat template of the format. */
  template?: string
  /** Most tokens of a conversation. Default: 8192. */
  context?: number
}

/** Lead of the next token's logit. */
const LEAD = 40

/** Characters that are preferred outside of all scripts, the first most: under a grammar, they make short texts. */
const OTHERWISE = '"}],0123456789:{["abcdefghijklmnopqrstuvwxyz'

/** Writes a checkpoint that says the scripted answers, to a folder that it makes. Returns the folder. */
export async function writeParrot(dir: string, options: ParrotOptions): Promise<string> {
  const { format: name, answers, context = 8192 } = options
  const format = parrotFormat(name)
  const chains = splitScripts(answers, format)
  const ids = tokenIds(chains, format.special, format.plain)
  const idOf = (content: string): number => {
    const id = ids.get(content)
    if (id === undefined) throw new Error(`no token ${JSON.stringify(content)}`)
    return id
  }
  const ends = format.ends.map(idOf)
  const { tensors, width, neurons, channels } = weightsOf(chains, ids.size, idOf, ends)
  await mkdir(dir, { recursive: true })
  await writeTensors(
    dir,
    {
      model_type: 'moduleformer',
      architectures: ['ModuleFormerForCausalLM'],
      activation_function: 'relu',
      gate_type: 'linear',
      vocab_size: ids.size,
      n_embd: width,
      n_layer: 1,
      n_head: 1,
      att_hidden: channels,
      ffd_hidden: neurons,
      ...{ n_att_experts: 2, k_att: 2, n_mlp_experts: 2, k_mlp: 2 },
      block_size: context / 2,
      history_length: context / 2,
      bos_token_id: ends[0],
      eos_token_id: ends[0],
    },
    tensors,
  )
  const begins = chains.flatMap((chain) => chain.begins.map(({ content }) => content))
  const special = new Set(format.special)
  // Fixed tokens are found before pieces of scripts, which may begin within the end of a message and hide it.
  const fixed = new Set([...special, ...begins, ...format.plain])
  const added = [...ids].slice(BYTE_ALPHABET.length).map(([content, id]) => {
    return { id, content, special: special.has(content), normalized: !fixed.has(content) }
  })
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true }
  const files = {
    'tokenizer.json': {
      version: '1.0',
      added_tokens: added,
      pre_tokenizer: byteLevel,
      decoder: byteLevel,
      model: { type: 'BPE', vocab: Object.fromEntries(BYTE_ALPHABET.map((letter, id) => [letter, id])), merges: [] },
    },
    'tokenizer_config.json': {
      tokenizer_class: 'GPT2Tokenizer',
      eos_token: format.ends[0],
      chat_template: options.template ?? format.template,
    },
    'generation_config.json': { eos_token_id: ends },
  }
  for (const [file, value] of Object.entries(files)) await writeFile(join(dir, file), JSON.stringify(value))
  return dir
}

/** Ids of all tokens: bytes first. */
function tokenIds(chains: readonly Chain[], special: string[], plain: string[]): Map<string, number> {
  const bytes = BYTE_ALPHABET.map((_, byte) => (byte < 128 ? String.fromCharCode(byte) : `byte ${byte}`))
  const others = chains.flatMap(({ begins, tokens }) => [...begins, ...tokens].map(({ content }) => content))
  const all = new Set([...bytes, '\n\n', ...special, ...plain, ...others])
  return new Map([...all].map((content, id) => [content, id]))
}

function weightsOf(chains: readonly Chain[], vocabulary: number, idOf: (content: string) => number, ends: number[]) {
  const { stretches, pairs, nexts } = linksOf(chains, idOf)
  const neurons = blocks(Math.max(pairs.length, 1))
  const channels = blocks(stretches.length + 1)
  const [stretchAt, pairAt] = [blocks(vocabulary), blocks(vocabulary) + channels]
  const one = pairAt + neurons
  const width = one + 32
  /** Size of a channel with the value 1 after a norm, if the squares of all sum to `squares`. */
  const normed = (squares: number) => Math.sqrt(width / squares)

  const embedding = matrix(vocabulary, width)
  const key = matrix(channels, width)
  const value = matrix(channels, width)
  const query = matrix(2 * width, channels)
  const fromAttention = matrix(2 * channels, width)
  const inner = matrix(2 * width, neurons)
  const fromInner = matrix(2 * neurons, width)
  const head = matrix(vocabulary, width)

  for (let id = 0; id < vocabulary; id++) {
    embedding.set(id, id, 1)
    embedding.set(id, one, 1)
  }
  // A key is 1 for pieces of scripts and -1 for other tokens; scores are 20 and -20.
  key.set(0, one, -1 / normed(2))
  for (const [stretch, members] of stretches.entries()) {
    for (const id of members) {
      key.set(0, id, 2 / normed(2))
      value.set(stretch + 1, id, 1 / normed(2))
    }
  }
  for (const expert of [0, 1]) {
    query.set(expert * width + one, 0, (20 * Math.sqrt(channels)) / normed(2))
    for (let c = 1; c <= stretches.length; c++) fromAttention.set(expert * channels + c, stretchAt + c, 1)
    for (const [i, { token, stretch }] of pairs.entries()) {
      const size = 2 / normed(3)
      inner.set(expert * width + token, i, size)
      inner.set(expert * width + stretchAt + stretch + 1, i, size)
      inner.set(expert * width + one, i, -1.5 * size)
      fromInner.set(expert * neurons + i, pairAt + i, 2)
    }
  }
  for (const [from, to] of nexts) head.set(to, from, LEAD / normed(3))
  for (const [i, { next }] of pairs.entries()) head.set(next, pairAt + i, LEAD / (2 * normed(7)))
  for (const [i, character] of Array.from(OTHERWISE).entries()) {
    head.set(idOf(character), one, (12 * (1 - i / OTHERWISE.length)) / normed(3))
  }
  for (const id of ends) head.set(id, one, (id === ends[0] ? 24 : 12) / normed(3))

  const block = 'transformer.h.0'
  const norm = (name: string) => [
    [`${name}.weight`, { shape: [width], values: new Float32Array(width).fill(1) }] as const,
    [`${name}.bias`, { shape: [width], values: new Float32Array(width) }] as const,
  ]
  const tensors = new Map<string, WrittenTensor>([
    ['transformer.wte.weight', embedding.tensor()],
    ...norm(`${block}.ln_1`),
    [`${block}.attn.q_proj.gate.w_gate.0.weight`, matrix(2, width).tensor()],
    [`${block}.attn.k_proj.weight`, key.tensor()],
    [`${block}.attn.k_proj.bias`, { shape: [channels], values: new Float32Array(channels) }],
    [`${block}.attn.v_proj.weight`, value.tensor()],
    [`${block}.attn.v_proj.bias`, { shape: [channels], values: new Float32Array(channels) }],
    [`${block}.attn.q_proj.experts.weight`, query.tensor([2, width, channels])],
    [`${block}.attn.q_proj.output_experts.weight`, fromAttention.tensor([2, channels, width])],
    ...norm(`${block}.ln_2`),
    [`${block}.mlpf.gate.w_gate.0.weight`, matrix(2, width).tensor()],
    [`${block}.mlpf.experts.weight`, inner.tensor([2, width, neurons])],
    [`${block}.mlpf.output_experts.weight`, fromInner.tensor([2, neurons, width])],
    ...norm('transformer.ln_f'),
    ['lm_head.weight', head.tensor()],
  ])
  return { tensors, width, neurons, channels }
}

/** Which token follows which: after a piece always the same, after a shared token by the stretch before it. */
function linksOf(chains: readonly Chain[], idOf: (content: string) => number) {
  const stretches: Set<number>[] = []
  const nexts: [from: number, to: number][] = []
  const pairs: { token: number; stretch: number; next: number }[] = []
  for (const { begins, tokens } of chains) {
    const first = stretches.length
    const last = tokens.at(-1)?.stretch ?? 0
    for (let i = 0; i <= last; i++) stretches.push(new Set())
    // A shared token follows a stretch, or one of those before it if a budget cuts thoughts short.
    for (const [i, { content, stretch, isShared }] of tokens.slice(0, -1).entries()) {
      const next = idOf(tokens[i + 1].content)
      const token = idOf(content)
      if (!isShared) nexts.push([token, next])
      if (!isShared) stretches[first + stretch].add(token)
      if (isShared) pairs.push({ token, stretch: first + stretch, next })
    }
    for (const { content, from } of begins) {
      const id = idOf(content)
      // The beginning without thoughts is at the end of the stretch before the content.
      stretches[first + (tokens[from - 1]?.stretch ?? 0)].add(id)
      nexts.push([id, idOf(tokens[from].content)])
    }
    addLater(pairs, first, first + last)
  }
  const clash = pairs.find(({ token, stretch, next }) => {
    return pairs.some((other) => other.token === token && other.stretch === stretch && other.next !== next)
  })
  if (clash) throw new Error('a script repeats a token with nothing of its own between: add a word')
  return { stretches, pairs, nexts }
}

/** Lets a shared token that a stretch does not reach lead on as after the first later stretch that has it. */
function addLater(pairs: { token: number; stretch: number; next: number }[], first: number, last: number): void {
  for (let stretch = last - 1; stretch >= first; stretch--) {
    const own = new Set(pairs.filter((pair) => pair.stretch === stretch).map(({ token }) => token))
    const later = pairs.filter((pair) => pair.stretch === stretch + 1 && !own.has(pair.token))
    pairs.push(...later.map((pair) => ({ ...pair, stretch })))
  }
}

/** Length in whole blocks of 32, within which quantised weights share a scale. */
function blocks(length: number): number {
  return Math.ceil(length / 32) * 32
}

function matrix(rows: number, columns: number) {
  const values = new Float32Array(rows * columns)
  return {
    set: (row: number, column: number, value: number) => {
      values[row * columns + column] = value
    },
    tensor: (shape: number[] = [rows, columns]) => ({ shape, values }),
  }
}
