import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { steadyOutput, steadyResponse } from './http/steady.js'

/* A record leaves out all that two runs differ in, and nothing else. */
const test = suite('recorded responses')

const work = '/home/ann/molm-record'
const HEAD = 'HTTP 200 OK\nDate: Mon, 30 Nov 2026 15:22:48 GMT\ncontent-length: 99\n'
const steady = (body: string) => steadyResponse(`${HEAD}\n${body}`, { work }).split('\n\n').slice(1).join('\n\n')

test('ids, times and drafts differ, and counts, texts and the order of fields stay', () => {
  const run = (id: string, time: string, draft: string) =>
    steady(`{"id":"call_${id.repeat(24)}","created":${time},"usage":{"total_tokens":48${draft}},"text":"in 2026"}`)
  const drafts = ',"completion_tokens_details":{"accepted_prediction_tokens":3,"rejected_prediction_tokens":1}'
  assert.is(run('a', '1796052166', ''), run('b', '1796052999', drafts))
  assert.is(
    run('a', '1796052166', ''),
    '{"id":"call_<1>","created":<time>,"usage":{"total_tokens":48},"text":"in 2026"}',
  )
  assert.is(steady(`req_${'a'.repeat(32)} req_${'b'.repeat(32)} req_${'a'.repeat(32)}`), 'req_<1> req_<2> req_<1>')
  assert.is(steady(`${work}/models, "call_1", 12:30`), '<work>/models, "call_1", 12:30')
})

test('a length stays if its body does', () => {
  assert.match(steadyResponse(`${HEAD}\n{}`, { work }), /^HTTP 200 OK\nDate: <time>\ncontent-length: 99\n/)
  assert.match(steadyResponse(`${HEAD}\n{"time_ms":3}`, { work }), /content-length: <n>\n\n\{"time_ms":<n>\}$/)
})

test('choices of a stream come one after the other, and of the progress only the last', () => {
  const event = (index: number, text: string) => `data: {"id":"a","choices":[{"index":${index},"delta":"${text}"}]}`
  const progress = (read: number) => `data: {"choices":[{"index":0}],"prompt_progress":{"processed":${read}}}`
  const end = ['data: {"choices":[],"usage":{}}', 'data: [DONE]']
  const come = [
    progress(1),
    progress(2),
    event(0, 'a'),
    event(1, 'x'),
    ': comment',
    event(0, 'b'),
    event(1, 'y'),
    ...end,
  ]
  const sorted = [progress(2), event(0, 'a'), event(0, 'b'), event(1, 'x'), event(1, 'y'), ...end]
  assert.is(steady(come.join('\n\n')), sorted.join('\n\n'))
})

test('values of metrics that are counted stay', () => {
  const text = (n: number) =>
    `molm_http_requests_total{path="/health",status="200"} ${n}\nmolm_queue_seconds_sum 0.${n}\nmolm_prompt_tokens_total 8`
  assert.is(steady(text(3)), steady(text(4)))
  assert.match(steady(text(3)), /^molm_prompt_tokens_total 8$/m)
})

test('a log has its requests without their times', () => {
  const log = 'molm: GET /health 200  2 ms  req_1\nmolm: POST /v1/completions 200  5 tokens in, 8 out  35 ms  req_2\n'
  assert.is(steadyOutput(log, { work }), 'molm: POST /v1/completions 200  5 tokens in, 8 out  <n> ms  req_2\n')
})

test.run()
