import { stripVTControlCharacters } from 'node:util'
import { createElement } from 'react'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ChatView } from '#molm/terminal/screen/chat-view.js'

// After the view, which imports Ink without the variable CI; Ink reads it once for all test files of this process.
const { render } = await import('ink-testing-library')

const ESC = '\x1b'

type Props = Parameters<typeof ChatView>[0]

const LIVE = ['the answer', '', '\x1b[38;2;1;2;3m█\x1b[39m·', '› hello', 'nano · idle']

function viewWith(props: Partial<Props>) {
  return createElement(ChatView, { finished: [], live: [], isActive: false, onInput() {}, ...props })
}

test('finished lines are above the live area, with their colours', () => {
  const { lastFrame, unmount } = render(viewWith({ finished: [['one', 'two'], ['three']], live: LIVE }))
  const lines = lastFrame()?.split('\n') ?? []
  assert.equal(lines.map(stripVTControlCharacters), ['one', 'two', 'three', ...LIVE.map(stripVTControlCharacters)])
  assert.match(lines[5], LIVE[2])
  unmount()
})

test('finished lines stay when the chat has ended; the live area goes', () => {
  const { lastFrame, rerender, unmount } = render(viewWith({ finished: [['one']], live: LIVE }))
  rerender(viewWith({ finished: [['one'], ['two']] }))
  assert.is(lastFrame()?.trimEnd(), 'one\ntwo')
  unmount()
})

test('keys are read only while the view is active', () => {
  const typed: string[] = []
  const onInput = (text: string) => typed.push(text)
  const { stdin, rerender, unmount } = render(viewWith({ live: LIVE, onInput }))
  stdin.write('a')
  rerender(viewWith({ live: LIVE, isActive: true, onInput }))
  stdin.write('b')
  assert.equal(typed, ['b'])
  unmount()
})

test('no line controls the terminal, whatever name is in it', () => {
  const hostile = 'a\x1b]0;owned\x07\x1b[2J\x1b[8m\u202e\x9b2J\x1bP\x1b[6nb'
  const { frames, unmount } = render(viewWith({ finished: [[hostile]], live: [hostile] }))
  const withoutColours = frames.join('').replace(new RegExp(`${ESC}\\[[\\d;]*m`, 'g'), '')
  assert.not.ok([ESC, '\x07', '\x9b', '\u202e'].some((sign) => withoutColours.includes(sign)))
  unmount()
})

test.run()
