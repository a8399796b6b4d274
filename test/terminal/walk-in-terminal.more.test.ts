import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { HAS_PSEUDO_TERMINAL, PseudoTerminal } from '../support/pseudo-terminal.js'
import { writeRandomChatModel } from '../support/random-chat-model.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { signsOfChosenLayer } from '../support/walk-signs.js'

const trial = HAS_PSEUDO_TERMINAL ? test : test.skip

const [HOME, DOWN] = ['\x1b[H', '\x1b[B']

/** Asks, and selects the first token of the question in layer 1. */
async function walk(model: string, use: (terminal: PseudoTerminal) => Promise<void>): Promise<void> {
  const args = ['bin/molm.js', 'chat', '-m', model, '--seed', '7', '-n', '6']
  const terminal = await PseudoTerminal.start({ args, env: { NO_COLOR: '1' } })
  try {
    await terminal.waitFor(/write something/)
    terminal.type('Is a ship a bird?\r')
    await terminal.waitFor(/experts of the last token/)
    await terminal.waitUntil(() => !/ · answering/.test(terminal.screen.text.join('\n')), 'the end of the answer')
    const before = mapOf(terminal)
    terminal.type(HOME + DOWN)
    await terminal.waitFor(/layer 1 (mlp|attention): /)
    await holds(terminal, () => {
      assert.equal(foldOf(mapOf(terminal)), foldOf(before), 'the walk folds nothing further')
    })
    await use(terminal)
  } finally {
    await terminal.close()
  }
}

/** The lines from the map's title to its legend. */
function mapOf({ screen }: PseudoTerminal): string[] {
  const from = screen.text.findIndex((line) => /experts of /.test(line))
  return screen.text.slice(from, screen.text.findIndex((line) => /(^| )gate|(^| )[▘⠂] chosen/.test(line)) + 1)
}

/** Number of lines, of blocks side by side, and the phrase on signs of several experts. */
function foldOf(lines: string[]): unknown {
  const text = lines.join('\n')
  return {
    lines: lines.length,
    blocks: text.match(/mlp/g)?.length,
    note: /each sign: .*? experts|each sign: \d+ layers/.exec(text)?.[0],
  }
}

/** Waits until an assertion holds: a screen may be half drawn. Fails with its error. */
async function holds(terminal: PseudoTerminal, assertion: () => void): Promise<void> {
  let error: unknown
  const isSo = () => {
    try {
      assertion()
      return true
    } catch (found) {
      error = found
      return false
    }
  }
  await terminal.waitUntil(isSo, 'the drawing').catch(() => {
    throw error
  })
}

/** Asserts that signs alone show which experts of layer 1 are chosen, and that the screen fits its window. */
function assertReadable({ screen }: PseudoTerminal, { experts, chosen, columns, rows }: Wanted): void {
  const { text } = screen
  const which = `${columns} x ${rows}\n${text.join('\n')}`
  const side = Math.max(0, ...text.map((line) => line.indexOf('experts of token')))
  const { signs } = signsOfChosenLayer(side > 0 ? [...text.map((line) => line.slice(side)), ...text] : text)
  assert.is(signs.length, experts, which)
  assert.is(signs.filter((sign) => sign !== '·').length, chosen, which)
  assert.ok(text.length < rows && text.every((line) => line.length < columns), which)
}

interface Wanted {
  /** Experts of layer 1, and how many a token chooses. */
  experts: number
  chosen: number
  columns: number
  rows: number
}

/** Walks without colours in windows of all sizes. */
async function assertReadableInAllSizes(model: string, experts: number, chosen: number): Promise<void> {
  await walk(model, async (terminal) => {
    await holds(terminal, () => assertReadable(terminal, { experts, chosen, columns: 80, rows: 24 }))
    for (const [columns, rows] of [
      [100, 30],
      [120, 40],
      [200, 50],
    ]) {
      await terminal.resize(columns, rows)
      await holds(terminal, () => {
        assert.ok(terminal.screen.text.some((line) => /Tab experts/.test(line)))
        assertReadable(terminal, { experts, chosen, columns, rows })
      })
    }
    assert.not.ok(terminal.output.includes('\x1b[38;'), 'no colour')
  })
}

trial('the walk over nano is readable without colour in windows of all sizes', () => {
  return assertReadableInAllSizes('nano', 8 + 24, 2 + 4)
})

trial('the walk over a qwen3-like model is readable without colour in windows of all sizes', () => {
  return inTemporaryFolder(async (folder) => {
    await assertReadableInAllSizes(await writeRandomChatModel(folder, 'qwen3-like'), 128, 8)
  })
})

test.run()
