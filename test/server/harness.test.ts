import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { evaluateTask, parseTask, readText, type TaskItem } from '#molm/lab/index.js'
import { fixturePath } from '../support/fixtures.js'
import { LANTERN } from '../support/lantern.js'
import { get, post, type Served, sharedNano } from './served.js'

/*
 * Requests of lm-evaluation-harness to a `local-completions` server with a remote tokenizer: /tokenizer_info once, /tokenize
 * for context and whole, then lists of ids with echo, logprobs 1 and max_tokens 1. It sums the scores after the context,
 * without the generated token (lm_eval/models/openai_completions.py, api_models.py). Its numbers must equal what
 * `molm eval --task` prints.
 */
const test = suite('lm-evaluation-harness')

let served: Served
test.before(async () => {
  served = await sharedNano.get()
})
test.after(() => sharedNano.release())

async function tokenize(prompt: string): Promise<number[]> {
  return (await post(served.url, '/tokenize', { prompt, add_special_tokens: false })).body.tokens
}

/** Like `_encode_pair`: blanks at the end of the context belong to the continuation. */
async function encodePair(context: string, continuation: string): Promise<{ context: number[]; whole: number[] }> {
  const trimmed = context.trimEnd()
  const whole = await tokenize(context + continuation)
  return { context: await tokenize(trimmed), whole }
}

interface Choice {
  index: number
  logprobs: { token_logprobs: (number | null)[]; top_logprobs: (Record<string, number> | null)[] }
}

/** Like `_create_payload` and `parse_logprobs`. */
async function loglikelihoods(pairs: { context: number[]; whole: number[] }[]) {
  const ask = { model: 'nano', temperature: 0, max_tokens: 1, logprobs: 1, seed: 1234, echo: true }
  const prompt = pairs.map(({ whole }) => whole)
  const { body, status } = await post(served.url, '/v1/completions', { ...ask, prompt })
  assert.is(status, 200, JSON.stringify(body))
  const choices = (body.choices as Choice[]).sort((a, b) => a.index - b.index)
  return choices.map(({ logprobs: { token_logprobs, top_logprobs } }, i) => {
    const own = token_logprobs.slice(pairs[i].context.length, -1) as number[]
    const top = top_logprobs.slice(pairs[i].context.length, -1) as Record<string, number>[]
    assert.is(token_logprobs.length, pairs[i].whole.length + 1)
    return {
      sum: own.reduce((sum, logprob) => sum + logprob, 0),
      isGreedy: own.every((logprob, at) => logprob === Math.max(...Object.values(top[at]))),
    }
  })
}

test('its requests give acc, acc_norm and every log-likelihood of eval --task', async () => {
  const { body: info } = await get(served.url, '/tokenizer_info')
  assert.ok('eos_token' in info)
  const { text, ...source } = await readText(fixturePath('texts/definitions.jsonl'))
  const task = parseTask({ ...source, text: text.split('\n').slice(0, 8).join('\n') })
  const expected = await evaluateTask(served.model, task)
  const all: number[][] = []
  let greedy = 0
  for (const { context, choices, delimiter } of task.items) {
    const pairs = await Promise.all(choices.map((choice) => encodePair(context, delimiter + choice)))
    const scored = await loglikelihoods(pairs)
    greedy += scored.filter(({ isGreedy }) => isGreedy).length
    all.push(scored.map(({ sum }) => sum))
  }
  assert.equal(all, expected.loglikelihoods)
  const accuracy = (score: (sum: number, choice: string) => number) => {
    const right = task.items.filter(({ choices, answer }: TaskItem, i) => {
      const scores = choices.map((choice, at) => score(all[i][at], choice))
      return scores.indexOf(Math.max(...scores)) === answer
    })
    return right.length / task.items.length
  }
  const normed = accuracy((sum, choice) => sum / [...choice].length)
  assert.equal([accuracy((sum) => sum), normed], [expected.acc, expected.accNorm])
  assert.ok(expected.acc > 0.5)
  assert.ok(greedy > 0, 'some continuations are what the model itself would say')
})

test('scores show which continuation is greedy', async () => {
  const context = await tokenize('User: What is a lantern?\nAssistant:')
  const ask = { prompt: context, temperature: 0, max_tokens: 6, logprobs: 1 }
  const { body } = await post(served.url, '/v1/completions', ask)
  const text = body.choices[0].text
  const whole = [...context, ...(await tokenize(text))]
  const [{ isGreedy }] = await loglikelihoods([{ context, whole }])
  assert.ok(isGreedy)
  const [{ isGreedy: other }] = await loglikelihoods([{ context, whole: [...context, 7, 8] }])
  assert.not.ok(other)
})

test('its generation requests end at their stop strings', async () => {
  const prompt = [await tokenize(LANTERN.prompt)]
  const ask = { prompt, model: 'nano', max_tokens: 40, temperature: 0, seed: 1234 }
  const { body } = await post(served.url, '/v1/completions', { ...ask, stop: ['\n', '.', '<|endoftext|>'] })
  assert.not.match(body.choices[0].text, /[\n.]/)
  assert.is(body.choices[0].finish_reason, 'stop')
})

test.run()
