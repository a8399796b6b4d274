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
import { addMaskOption } from '../../parsing/mask-option.js'
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

/** Default number of lines of a batch answered at once. */
const DEFAULT_PARALLEL = 8
/** Maximum, since each line has its own cache. */
const MOST_PARALLEL = 256

export function define(command: Command): void {
  command
    .description(
      'Answers one prompt, or continues it if the model has no chat template. The prompt is the text piped into stdin, ' +
        'without its last newline, and then the arguments. Only generated text goes to stdout.',
    )
    .argument('[prompt...]')
    .option('--raw', 'continue the prompt as is, without a chat template')
    .option('--json', 'print one object: text, tokens, timings, memory')
    .addOption(new Option('--jsonl', 'print an object per token, then one with the rest').conflicts('json'))
    .option('--experts', 'add to JSON the experts that each token activates when read')
    .option('--stats', 'print speed and awake experts to stderr, or in JSON')
    .addOption(generationOption('logprobs'))
    .option('--trace <file>', 'write each token’s experts, the prompt’s too, to a .csv or .jsonl file', expandHome)
    .addOption(new Option('-p, --prompt <text>').hideHelp())
    .optionsGroup('Many prompts:')
    .option('--batch <file>', 'answer each line of a JSONL file (- for stdin)')
    .option('-o, --output <file>', 'write the answers here (default: stdout); resumes if the file exists')
    .option(
      '--parallel <n>',
      `lines answered at once (default: ${DEFAULT_PARALLEL})`,
      wholeNumber('--parallel', 1, MOST_PARALLEL),
    )
    .addHelpText('after', NOTES)
    .action(run)
  addConversationOptions(command)
  addGenerationOptions(command)
  addMaskOption(addModelOptions(command))
  addOutputOptions(command)
}

const NOTES = `
Objects:
  --json   { model, prompt_tokens, tokens, text, finish_reason, seed, timings,
             memory, logprobs?, experts?, awake? }
  --jsonl  { index, token, text, logprob?, top_logprobs?, experts? } per token,
           then as with --json, without text, logprobs, experts
  awake (with --experts or --stats) is { experts, woke, slept, committee }: the
  experts of the model, those that the answer's tokens used, those that they did
  not, and the fewest that did half of the work.
  finish_reason is "stop", "length" or "eos"; null after Ctrl-C. At "stop" the
  tokens of the stop text are among tokens and logprobs, but not in the text.

Lines of --batch:
  A line is { "prompt": "..." } or { "messages": [{ "role",
  "content" }] }, plus any option that overrides the command line: system,
  prefill, raw, experts, stats, maxTokens, temperature, topK, topP, minP,
  repeatPenalty, seed, stop, ignoreEos, context, logprobs (or max_tokens, top_k
  and so on); and an "id" (default: the line number).
  Answers come in the order of the lines, as with --json but without timings
  and memory: { id, request, model, prompt_tokens, tokens, text, finish_reason,
  seed, ... }. Each is the same as if it ran alone. Without a "seed" or --seed,
  each line gets a random seed, which its answer reports. A line that cannot be
  answered becomes { id, error }, and the exit code is 1 at the end.
  Run the same command to resume after Ctrl-C, a kill or a full disk. It also
  repeats lines that failed or were edited: "request" has a hash of the line
  and a hash of the options. It refuses to change a file with answers to other
  options, of another model or of another input: give another -o, or remove the
  file. The input is another one if none of the answers belongs to a line of
  it; a single answer counts as the answer to an edited line.

Examples:
  molm "What is a lantern?"
  molm run --raw --temperature 0 -n 40 "And the LORD said"
  cat question.txt | molm -m ./my-model --json
  molm run --stats "What is a lighthouse?"
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
  // Blanks ask nothing, but they can be continued.
  if ((options.raw ? prompt : prompt.trim()) === '' && start.messages.length === 0) {
    throw new UsageError('the prompt is empty; write it after the command or pipe it into stdin')
  }
  await withModel(options, (loaded) => complete(prompt, start, options, loaded))
}

function checkCombinations(options: RunOptions): void {
  const { raw, json, jsonl, experts, logprobs, trace, batch, output, parallel } = options
  if (batch === undefined && output !== undefined) {
    throw new UsageError('-o is for the answers of --batch; use > FILE for a single answer')
  }
  if (batch === undefined && parallel !== undefined) throw new UsageError('--parallel needs --batch')
  if (raw && asksForConversation(options)) {
    throw new UsageError('--raw continues a text as is; it takes no --system, --prefill, --messages, --template-arg')
  }
  if (trace !== undefined) TraceFile.checkName(trace)
  if (json || jsonl || batch !== undefined) return
  if (experts) throw new UsageError('--experts needs --json or --jsonl: otherwise only text is printed')
  if (logprobs !== undefined) throw new UsageError('--logprobs needs --json or --jsonl: otherwise only text is printed')
}

/** A prompt that is ready to run. */
interface Input {
  rendered: RenderedPrompt
  ids: number[]
  /** The given beginning of the answer. */
  prefill: string
}

/** Generates the answer and prints it. */
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

/** Prints the answer as it is generated. If interrupted, prints the rest of what is known. */
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
  let promptTraced: Promise<void> | undefined
  const generation = session.generate(ids, {
    ...optionsIn(options),
    stop: rendered.stop,
    routes: options.experts || options.stats || trace !== undefined,
    onPromptProgress: reading.show,
    ...(trace && {
      onPromptRoutes: (routes) => {
        promptTraced = trace.addPrompt(ids, routes)
        // The await reports it.
        promptTraced.catch(() => undefined)
      },
    }),
    signal: interruptSignal(),
  })
  try {
    for await (const { step, result } of eventsOf(generation)) {
      await promptTraced
      const isFirst = step ? step.index === 0 : result.tokens.length === 0
      if (isFirst) {
        // Before the first text, which clearing the line would erase.
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
  note(`the text ended at the limit of the model's context, ${promptTokens + tokens.length - 1} tokens`)
}

function warnOf({ rendered, ids }: Input, model: Model, { context }: RunOptions): void {
  if (rendered.dropsSystem) note(`warning: ${systemDropped(model.name)}`)
  warnOfLength(ids.length, model, context)
}

/** Warns if the prompt is longer than the texts that the model was trained on. */
function warnOfLength(tokens: number, { config, name }: Model, context?: number): void {
  if (!isBeyondTraining(tokens, config, context)) return
  const { trainedContext, maxPositions } = config
  const remedy = maxPositions === undefined ? `; --context ${trainedContext} uses only the latest` : ''
  note(
    `warning: the prompt has ${formatCount(tokens)} tokens, and ${name} was trained on ${trainedContext} at a time: ` +
      `the answer may make no sense${remedy}`,
  )
}
