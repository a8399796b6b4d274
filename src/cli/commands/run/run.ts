import { type Command, Option } from 'commander'
import { OPTION_NAMES } from '../../../api/generation-options.js'
import { hasForm } from '../../../engine/session/prompt.js'
import { UsageError } from '../../../ground/errors.js'
import { expandHome } from '../../../ground/files/home.js'
import { TraceFile } from '../../../insight/traces/trace.js'
import { interruptSignal } from '../../io/interrupt.js'
import { note, wrapWords } from '../../io/output.js'
import { joinPrompt, readPipedText, withoutStdin } from '../../io/stdin.js'
import { addAskOptions, asksForThinking, readAskOptions } from '../../parsing/ask-options.js'
import {
  addConversationOptions,
  asksForConversation,
  type ConversationStart,
  readConversation,
} from '../../parsing/conversation-options.js'
import { addKeepingOptions, checkContinue, keepsHistory } from '../../parsing/keeping-options.js'
import { addIntervene, addMaskOption } from '../../parsing/mask-option.js'
import { addMcpOptions, type McpOptions, readMcpOptions } from '../../parsing/mcp-options.js'
import {
  addCacheType,
  addGenerationOptions,
  addModelOptions,
  addOutputOptions,
  addPresetOption,
  FIRST,
  generationOption,
  wholeNumber,
} from '../../parsing/options.js'
import { addPriority } from '../../parsing/priority-option.js'
import { shardOption } from '../../parsing/shard-option.js'
import { type TimedModel, withModel } from '../../setup/with-model.js'
import type { KeptRun } from './kept-run.js'
import { printTurn, type Question } from './print-turn.js'
import type { RunOptions } from './run-options.js'

/** Default number of lines of a batch answered at once. */
const DEFAULT_PARALLEL = 8
/** Maximum, since each line has its own cache. */
const MOST_PARALLEL = 256

export function define(command: Command): void {
  command
    .description(
      'Answers one prompt, or continues it if the model has no chat template. The prompt is, in this order, the ' +
        `files of -f, the text piped into stdin, and the words of the command. Only the answer goes to stdout.\n${EXAMPLES}`,
    )
    .argument('[prompt...]')
    .addHelpText('after', NOTES)
    .action(run)
  addModelOptions(command)
  addGenerationOptions(command)
  addKeepingOptions(addConversationOptions(command), 'the question and the answer')
  command
    .optionsGroup(FIRST)
    .option('--raw', 'continue the prompt as is, without a chat template')
    .option('--json', 'print one object: text, tokens, timings, memory')
    .option('--stats', 'print to stderr the speed and how many experts woke; with --json, in the object')
    .optionsGroup('Details of the answer:')
    .addOption(new Option('--jsonl', 'print an object per token, then one with the rest').conflicts('json'))
    .option('--experts', 'add to JSON the experts that each token activates when read')
    .addOption(generationOption('logprobs'))
    .option('--show-thinking', 'print thoughts to stderr')
    .option('--trace <file>', 'write each token’s experts, the prompt’s too, to a .csv or .jsonl file', expandHome)
    .option(
      '--prompt-cache <file>',
      'keep what has been read in a file, and read only what is new next time',
      expandHome,
    )
    .addOption(new Option('-p, --prompt <text>').hideHelp())
    .optionsGroup('Many prompts:')
    .option('--batch <file>', 'answer each line of a JSONL file (- for stdin)')
    .option('-o, --output <file>', 'write the answers here (default: stdout); resumes if the file exists')
    .option(
      '--parallel <n>',
      `lines answered at once (default: ${DEFAULT_PARALLEL})`,
      wholeNumber('--parallel', 1, MOST_PARALLEL),
    )
    .addOption(shardOption())
  addMcpOptions(addAskOptions(command))
  addIntervene(addMaskOption(addCacheType(addPriority(addPresetOption(command.optionsGroup('Model:'))))))
  addOutputOptions(command)
}

const NOTES = `
The last newline of a file, and of the text piped in, does not count.

Objects:
  --json   { model, prompt_tokens, tokens, text, reasoning_content?,
             tool_calls?, messages?, finish_reason, seed, cache_type, timings,
             memory, logprobs?, experts?, awake? }
  --jsonl  { index, token, kind, text, logprob?, top_logprobs?, experts? } per
           token, then as with --json, without text, logprobs, experts.
           kind is "thinking", "content" or "call"; a token in two parts of the
           answer has a line for each.
  messages (if tools ran) are all that were added, as --messages reads them; the
  rest is of the last answer. --jsonl has a line { message } for each before it.
  awake (with --experts or --stats) is { experts, woke, slept, committee }: the
  experts of the model, those that the answer's tokens used, those that they did
  not, and the fewest that did half of the work.
  cache_type is the format of keys and values, also when the model chose it:
  "bf16", "q8" or "f32" (see --cache-type).
  finish_reason is "stop", "length" or "eos"; null after Ctrl-C. At "stop" the
  tokens of the stop text are among tokens and logprobs, but not in the text.
  An answer that ends before its form is complete (--schema, --grammar, --regex)
  has the exit code 1.

Lines of --batch:
  A line is { "prompt": "..." } or { "messages": [{ "role", "content" }] }, plus
  any option that overrides the command line: system, prefill, raw, experts,
  stats, think, thinkBudget, schema (as JSON), grammar, regex,
${wrapWords(`  ${OPTION_NAMES.join(', ')}`, 80)}
  (or max_tokens, top_k and so on); an "id" (default: the line number); and
  tools, toolChoice, parallelToolCalls as in OpenAI's API. A batch runs no
  tools: such an answer ends with tool_calls.
  Answers come in the order of the lines, as with --json but without timings
  and memory: { id, request, model, prompt_tokens, tokens, text, finish_reason,
  seed, ... }. Each is the same as if it ran alone. Without a "seed" or --seed,
  each line gets a random seed, which its answer reports (0 at temperature 0,
  where it has no effect). A line that cannot be answered becomes { id, error },
  and the exit code is 1 at the end.
  Run the same command to resume after Ctrl-C, a kill or a full disk. It also
  repeats lines that failed or were edited: "request" has a hash of the line
  and a hash of the options. It refuses to change a file with answers to other
  options, of another model or of another input: give another -o, or remove the
  file. The input is another one if none of the answers belongs to a line of
  it; a single answer counts as the answer to an edited line.

docs/MODELS.md says which questions are kept for -c, and docs/RECIPES.md how
several machines share a batch (--shard).`

const EXAMPLES = `
Examples:
  molm "What is a lantern?"
  molm run -c "What is the opposite of light?"
  molm run --raw --temperature 0 -n 40 "And the LORD said"
  molm run -f letter.txt -m ./my-model "Who wrote this?"
  cat question.txt | molm run --json
  molm run --stats "What is a lighthouse?"
  molm run --regex '(Yes|No)' "Is a violin a bird?"
  molm run --batch questions.jsonl -o answers.jsonl --temperature 0`

async function run(given: string[], options: RunOptions): Promise<void> {
  checkCombinations(options)
  checkContinue(options, given)
  const { batch, parallel = DEFAULT_PARALLEL } = options
  if (batch !== undefined) {
    const { runBatch } = await import('./batch/run-batch.js')
    return runBatch(given, { ...options, batch, parallel })
  }
  if (options.promptCache !== undefined) {
    const { checkCachePath } = await import('../../../chat/prompt-cache/prompt-cache.js')
    await checkCachePath(options.promptCache)
  }
  if (options.model === undefined && /^\S+\.gguf$/i.test(given[0] ?? '')) {
    const { fileError } = await import('../../parsing/wrong-words.js')
    throw fileError(given)
  }
  const start = await readConversation(options)
  const { words, asked } = withoutStdin([...(options.prompt === undefined ? [] : [options.prompt]), ...given])
  const piped = await readPipedText({ quiet: options.quiet, asked, signal: interruptSignal() })
  const prompt = joinPrompt([...start.files, piped], words)
  // Blanks ask nothing, but they can be continued.
  if ((options.raw ? prompt : prompt.trim()) === '' && start.messages.length === 0) {
    if (options.continue) throw new UsageError('-c needs a question to continue with; write it after the command')
    throw new UsageError('the prompt is empty; write it after the command or pipe it into stdin')
  }
  const ask = await readAskOptions(options)
  const mcp = await readMcpOptions(options)
  const ready = (start: ConversationStart, options: RunOptions, kept?: KeptRun) =>
    withModel(options, (loaded) =>
      withServers(loaded, mcp, options, (servers) =>
        printTurn({ prompt, start, ask, ...servers }, options, loaded, kept),
      ),
    )
  if (!mayKeep(options)) return ready(start, options)
  const { withKeptRun } = await import('./kept-run.js')
  await withKeptRun(start, options, ready)
}

/** Whether an earlier conversation is continued, or this one may be kept. */
function mayKeep(options: RunOptions): boolean {
  const { raw, json, jsonl } = options
  if (options.continue) return true
  return process.stdout.isTTY && !raw && !json && !jsonl && keepsHistory(options)
}

/** Runs `use` with the tools of the MCP servers that the options name, and then ends the servers. */
async function withServers(
  { model }: TimedModel,
  mcp: McpOptions | undefined,
  { quiet }: RunOptions,
  use: (servers?: Pick<Question, 'tools' | 'allow'>) => Promise<void>,
): Promise<void> {
  if (!mcp) return use()
  const [{ openServers }, { CallPermission }] = await Promise.all([
    import('../../setup/mcp-servers.js'),
    import('./call-permission.js'),
  ])
  const signal = interruptSignal()
  const connections = await openServers(model, mcp, { signal, onNote: (text) => quiet || note(text) })
  const permission = new CallPermission({ isAllowed: mcp.isAllowed, quiet, signal })
  try {
    await use({ tools: () => connections.tools, allow: (call, tool) => permission.allow(call, tool) })
  } finally {
    await connections.close()
  }
}

function checkCombinations(options: RunOptions): void {
  const { raw, json, jsonl, experts, logprobs, trace, batch, output, parallel, shard } = options
  if (batch === undefined && shard) throw new UsageError('--shard needs --batch')
  if (batch === undefined && output !== undefined) {
    throw new UsageError('-o is for the answers of --batch; use > FILE for a single answer')
  }
  if (batch !== undefined && options.promptCache !== undefined) {
    throw new UsageError('--prompt-cache is for one prompt; the lines of a --batch have caches of their own')
  }
  if (batch === undefined && parallel !== undefined) throw new UsageError('--parallel needs --batch')
  if (raw && asksForConversation(options)) {
    throw new UsageError('--raw continues a text as is; it takes no --system, --prefill, --messages, --template-arg')
  }
  if (options.mcp ?? options.mcpConfig) {
    if (raw) throw new UsageError('--raw continues a text as is; it takes no --mcp')
    if (batch !== undefined) throw new UsageError('--batch runs no tools; give them in its lines, as "tools"')
    if (trace !== undefined) throw new UsageError('--trace is for one answer; with --mcp there may be several')
  }
  if (options.continue) {
    if (raw) throw new UsageError('--raw continues a text as is; it takes no -c')
    if (batch !== undefined) throw new UsageError('-c continues one conversation; --batch answers many prompts')
    if (options.messages !== undefined) throw new UsageError('-c has messages to begin with; leave out --messages')
  }
  if (raw && asksForThinking(options)) throw new UsageError('--raw continues a text as is; it takes no --think')
  if (options.prefill !== undefined && hasForm(options)) {
    throw new UsageError('--schema, --grammar and --regex are for the whole answer; they take no --prefill')
  }
  if (options.showThinking && (json || jsonl || batch !== undefined)) {
    throw new UsageError('--show-thinking is for answers as text; JSON has thoughts as reasoning_content')
  }
  if (trace !== undefined) TraceFile.checkName(trace)
  if (json || jsonl || batch !== undefined) return
  if (experts) throw new UsageError('--experts needs --json or --jsonl: otherwise only text is printed')
  if (logprobs !== undefined) throw new UsageError('--logprobs needs --json or --jsonl: otherwise only text is printed')
}
