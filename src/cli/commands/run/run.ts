import { type Command, Option } from 'commander'
import type { GenerationResult } from '../../../api/generation.js'
import { eventsOf } from '../../../api/generation-events.js'
import type { Model } from '../../../api/model.js'
import type { Session } from '../../../api/session.js'
import { UsageError } from '../../../errors.js'
import { checkLanguageModel } from '../../../evaluation/check-language-model.js'
import { TraceFile } from '../../../experts/trace.js'
import { expandHome } from '../../../files/home.js'
import { optionsIn } from '../../../generation-options.js'
import { isBeyondTraining } from '../../../library/trained-context.js'
import { formatCount } from '../../../numbers.js'
import { AnswerText } from '../../../text/answer-text.js'
import { systemDropped } from '../../../text/chat-frame.js'
import { interruption, interruptSignal } from '../../io/interrupt.js'
import { note } from '../../io/output.js'
import { createReadingProgress } from '../../io/reading-progress.js'
import { joinPrompt, readPipedText, withoutStdin } from '../../io/stdin.js'
import {
  addConversationOptions,
  asksForConversation,
  type ConversationStart,
  readConversation,
} from '../../parsing/conversation-options.js'
import {
  addGenerationOptions,
  addModelOptions,
  addOutputOptions,
  generationOption,
  wholeNumber,
} from '../../parsing/options.js'
import { type TimedModel, withModel } from '../with-model.js'
import { type RenderedPrompt, renderPrompt } from './render-prompt.js'
import type { RunOptions } from './run-options.js'
import { createRunWriter } from './writers.js'

/** Lines of a batch that are answered at once, unless the command line says otherwise. */
const DEFAULT_PARALLEL = 8
/** Each has a cache of its own. */
const MOST_PARALLEL = 256

export function define(command: Command): void {
  command
    .description(
      'Answers one prompt, or continues it when the model has no chat template. Text piped into stdin comes first, ' +
        'without its last newline, then the arguments. Only generated text goes to stdout.',
    )
    .argument('[prompt...]')
    .option('--raw', 'continue the text as it stands, not asked as in a chat')
    .option('--json', 'print one object: text, tokens, timings, memory')
    .addOption(new Option('--jsonl', 'print an object per token, then one with the rest').conflicts('json'))
    .option('--experts', 'in JSON, the experts that each token wakes when it is read')
    .addOption(generationOption('logprobs'))
    .option('--trace <file>', 'write the experts that each token wakes to a .csv or .jsonl file', expandHome)
    .addOption(new Option('-p, --prompt <text>').hideHelp())
    .optionsGroup('Many prompts:')
    .option('--batch <file>', 'answer every line of a JSONL file (- for stdin), an object a line')
    .option('-o, --output <file>', 'where its answers go; the same command resumes there (default: stdout)')
    .option(
      '--parallel <n>',
      `lines that are answered at once (default: ${DEFAULT_PARALLEL})`,
      wholeNumber('--parallel', 1, MOST_PARALLEL),
    )
    .addHelpText('after', NOTES)
    .action(run)
  addConversationOptions(command)
  addGenerationOptions(command)
  addModelOptions(command)
  addOutputOptions(command)
}

const NOTES = `
Objects:
  --json   { model, prompt_tokens, tokens, text, finish_reason, seed, timings,
             memory, logprobs?, experts? }
  --jsonl  { index, token, text, logprob?, top_logprobs?, experts? } per token,
           then as with --json, without text, logprobs, experts
  finish_reason is "stop", "length" or "eos"; null after Ctrl-C. At "stop" the
  tokens of the stop text are among tokens and logprobs, but not in the text.

Many prompts:
  A line of --batch is { "prompt": "..." } or { "messages": [{ "role",
  "content" }] }, with what is to differ from the command line: system, prefill,
  raw, experts, maxTokens, temperature, topK, topP, minP, repeatPenalty, seed,
  stop, ignoreEos, context, logprobs (or max_tokens, top_k and so on); and an
  "id" (default: the line's number).
  Answers come in the order of the lines, as with --json, without timings and
  memory: { id, request, model, prompt_tokens, tokens, text, finish_reason,
  seed, ... }, each the same as alone. Without a seed of its own or --seed, a
  line has another each time, which its answer has in it. A line that cannot be
  answered becomes { id, error }, and the exit code is 1 at the end.
  The same command resumes after Ctrl-C, a kill or a full disk. It also answers
  again the lines that hold an error or were edited since: "request" has a hash
  of the line and one of the options. Answers to other options, of another
  model or of another input are left alone and refused: give another -o, or
  remove the old file. An input is another one if none of the answers is to a
  line of it; a single answer counts as that of an edited line.

Examples:
  molm "What is a lantern?"
  molm run --raw --temperature 0 -n 40 "And the LORD said"
  cat question.txt | molm -m ./my-model --json
  molm run --jsonl --experts "What is 23 + 45?"
  molm run --batch questions.jsonl -o answers.jsonl --temperature 0`

async function run(given: string[], options: RunOptions): Promise<void> {
  checkCombinations(options)
  const { batch, parallel = DEFAULT_PARALLEL } = options
  if (batch !== undefined) {
    const { runBatch } = await import('./batch/run-batch.js')
    return runBatch(given, { ...options, batch, parallel })
  }
  const start = await readConversation(options)
  const { words, asked } = withoutStdin([...(options.prompt === undefined ? [] : [options.prompt]), ...given])
  const piped = await readPipedText({ quiet: options.quiet, asked, signal: interruptSignal() })
  const prompt = joinPrompt([...start.files, piped], words)
  // Blanks alone ask nothing, but there is something to continue in them.
  if ((options.raw ? prompt : prompt.trim()) === '' && start.messages.length === 0) {
    throw new UsageError('the prompt is empty; write it after the command or pipe it into stdin')
  }
  await withModel(options, (loaded) => complete(prompt, start, options, loaded))
}

function checkCombinations(options: RunOptions): void {
  const { raw, json, jsonl, experts, logprobs, trace, batch, output, parallel } = options
  if (batch === undefined && output !== undefined) {
    throw new UsageError('-o is for the answers of --batch; of one prompt, > FILE takes the text')
  }
  if (batch === undefined && parallel !== undefined) throw new UsageError('--parallel needs --batch')
  if (raw && asksForConversation(options)) {
    throw new UsageError(
      '--raw continues a text as it stands; it takes no --system, --prefill, --messages, --template-arg',
    )
  }
  if (trace !== undefined) TraceFile.checkName(trace)
  if (json || jsonl || batch !== undefined) return
  if (experts) throw new UsageError('--experts needs --json or --jsonl: without them only text is printed')
  if (logprobs !== undefined)
    throw new UsageError('--logprobs needs --json or --jsonl: without them only text is printed')
}

/** A prompt that is ready to be run. */
interface Input {
  rendered: RenderedPrompt
  ids: number[]
  /** What the answer begins with. */
  prefill: string
}

/** Generates and prints. */
async function complete(
  prompt: string,
  start: ConversationStart,
  options: RunOptions,
  loaded: TimedModel,
): Promise<void> {
  const { model } = loaded
  checkLanguageModel(model)
  const input = await inputOf(model, prompt, start, options)
  const trace = options.trace === undefined ? undefined : await openTrace(options.trace, model)
  if (!options.quiet) warnOf(input, model, options)
  const session = model.createSession()
  try {
    await printAnswer(session, input, trace, options, loaded)
  } finally {
    session.dispose()
    await trace?.close()
  }
}

async function inputOf(model: Model, prompt: string, start: ConversationStart, options: RunOptions): Promise<Input> {
  const signal = interruptSignal()
  const isConversation = asksForConversation(options)
  const rendered = await renderPrompt(model, prompt, start, { ...options, isConversation, signal })
  const addSpecialTokens = !rendered.hasSpecialTokens
  const ids = await model.tokenizer.encodeAsync(rendered.text, { addSpecialTokens, signal })
  return { rendered, ids, prefill: start.prefill }
}

function openTrace(path: string, { tokenizer }: Model): Promise<TraceFile> {
  return TraceFile.create(path, (id) => tokenizer.decode([id]))
}

/** When interrupted, all that is known so far is printed. */
async function printAnswer(
  session: Session,
  { rendered, ids, prefill }: Input,
  trace: TraceFile | undefined,
  options: RunOptions,
  loaded: TimedModel,
): Promise<void> {
  const writer = createRunWriter(options, loaded)
  const answer = new AnswerText(rendered)
  const reading = createReadingProgress(options)
  const generation = session.generate(ids, {
    ...optionsIn(options),
    stop: rendered.stop,
    routes: options.experts || trace !== undefined,
    onPromptProgress: reading.show,
    signal: interruptSignal(),
  })
  try {
    for await (const { step, result } of eventsOf(generation)) {
      const isFirst = step ? step.index === 0 : result.tokens.length === 0
      if (isFirst) {
        // The line that tells how far the prompt is would wipe away what the answer begins with.
        reading.clear()
        await writer.start(prefill)
      }
      if (step) {
        await trace?.add(step)
        await writer.step(step, answer.add(step.text))
      } else {
        await writer.end(answer.rest(result.text, result.finishReason === 'length'), result)
        if (result.contextFull && !options.quiet) noteFullContext(result)
      }
    }
  } catch (error) {
    reading.clear()
    if (interruption()) await writer.interrupted(ids.length)
    throw error
  }
}

function noteFullContext({ promptTokens, tokens }: GenerationResult): void {
  note(`the text ended where the model's context does, at ${promptTokens + tokens.length - 1} tokens`)
}

function warnOf({ rendered, ids }: Input, model: Model, { context }: RunOptions): void {
  if (rendered.dropsSystem) note(`warning: ${systemDropped(model.name)}`)
  warnOfLength(ids.length, model, context)
}

/** A model answers badly what is longer than all it was trained on. Some can be told to let only the latest of it count. */
function warnOfLength(tokens: number, { config, name }: Model, context?: number): void {
  if (!isBeyondTraining(tokens, config, context)) return
  const { trainedContext, maxPositions } = config
  const remedy = maxPositions === undefined ? `; --context ${trainedContext} lets only the latest count` : ''
  note(
    `warning: the prompt has ${formatCount(tokens)} tokens, and ${name} was trained on ${trainedContext} at a time: ` +
      `the answer may make no sense${remedy}`,
  )
}
