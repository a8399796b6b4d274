import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Chat } from '#molm/terminal/conversation/chat-state.js'
import { splitArgument } from '#molm/terminal/conversation/commands/read-file.js'
import { suggest } from '#molm/terminal/conversation/slash-commands.js'
import { chatOf, mixturesOf, modelOf, plainRoutes } from '../support/chats.js'
import { idle, send } from '../support/real-chat.js'
import { type Asked, type ScriptedAnswer, scripted } from '../support/scripted-model.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

async function answering(answers: ScriptedAnswer[] = []): Promise<{ chat: Chat; asked: Asked[] }> {
  const mixtures = mixturesOf(2, { mlp: 4 })
  const { model, asked } = scripted(modelOf(mixtures, 2), plainRoutes(mixtures), answers)
  return { chat: await chatOf(mixtures, 'none', { model }), asked }
}

/** The texts of the items that came after the command. */
const said = (chat: Chat) => {
  const from = chat.items.findLastIndex(({ kind }) => kind === 'command')
  return chat.items.slice(from + 1).map(({ text }) => text)
}

const questions = (asked: Asked[]) => asked.map(({ question }) => question)

test('/read puts a file before the next message, once, and says its size', async () => {
  await inTemporaryFolder(async (dir) => {
    const [notes, more] = [join(dir, 'my notes.txt'), join(dir, 'more.txt')]
    await writeFile(notes, '\ufeffIt is lit.\r\nBy night.\n')
    await writeFile(more, 'Yes.')
    const { chat, asked } = await answering()
    await send(chat, `/read "${notes}"`)
    assert.equal(said(chat), [`${notes}, 21 tokens, goes before your next message; /read off drops it`])
    await send(chat, `/read ${more} When?`)
    assert.equal(said(chat).slice(0, 2), [`${more}, 4 tokens, goes before your question`, 'When?'])
    await send(chat, 'And now?')
    assert.equal(questions(asked), ['It is lit.\r\nBy night.\nYes.\nWhen?', 'And now?'])
  })
})

test('/read alone says what waits, and /read off drops it', async () => {
  await inTemporaryFolder(async (dir) => {
    await writeFile(join(dir, 'a'), 'one')
    const { chat, asked } = await answering()
    await send(chat, `/read ${dir}/a`)
    await send(chat, `/read ${dir}/a`)
    await send(chat, '/read')
    assert.equal(said(chat), ['2 files go before your next message, 6 characters; /read FILE adds one'])
    await send(chat, '/read off')
    assert.equal(said(chat), ['no file goes before your next message'])
    await send(chat, 'Hello')
    assert.equal(questions(asked), ['Hello'])
  })
})

test('/undo puts the question into the input, and its file before the next message again', async () => {
  await inTemporaryFolder(async (dir) => {
    await writeFile(join(dir, 'a'), 'one')
    const { chat, asked } = await answering([{ text: 'Yes.' }, { text: 'Yes.' }])
    await send(chat, `/read ${dir}/a Is it one?`)
    await send(chat, '/undo')
    assert.is(chat.input.text, 'Is it one?')
    chat.input.set('')
    await send(chat, 'Is it two?')
    assert.equal(questions(asked), ['one\nIs it one?', 'one\nIs it two?'])
  })
})

test('/read refuses what is no text, too long or no file, and asks nothing then', async () => {
  await inTemporaryFolder(async (dir) => {
    await mkdir(join(dir, 'folder'))
    await writeFile(join(dir, 'binary'), Uint8Array.of(1, 0, 2))
    await writeFile(join(dir, 'latin'), Uint8Array.of(0xe9, 0x20))
    await writeFile(join(dir, 'empty'), '\n')
    await writeFile(join(dir, 'long'), 'x'.repeat(4_000_001))
    const { chat, asked } = await answering()
    for (const [file, error] of [
      ['binary', 'not a text in UTF-8'],
      ['latin', 'not a text in UTF-8'],
      ['empty', 'the file is empty'],
      ['long', '4.00 MB are too much for a message, which takes 4.00 MB'],
      ['folder', 'this is not a file'],
      ['absent', 'there is no such file'],
    ]) {
      await send(chat, `/read ${dir}/${file} What is it?`)
      assert.equal(said(chat), [`${dir}/${file}: ${error}`])
    }
    Object.assign(chat.model.config, { maxPositions: 3 })
    await writeFile(join(dir, 'short'), 'four')
    await send(chat, `/read ${dir}/short`)
    assert.match(said(chat)[0], /4 tokens, and the context of .* has 3$/)
    assert.equal([questions(asked), chat.pending.length], [[], 0])
    await idle(chat)
  })
})

test('the name of a file ends at a blank, unless it is quoted or escaped', () => {
  assert.equal(splitArgument('a.txt'), { file: 'a.txt', question: '' })
  assert.equal(splitArgument('a.txt  what\nis it?'), { file: 'a.txt', question: 'what\nis it?' })
  assert.equal(splitArgument(`'my file' why?`), { file: `'my file'`, question: 'why?' })
  assert.equal(splitArgument('my\\ file why?'), { file: 'my\\ file', question: 'why?' })
})

test('names of files are completed after /read', async () => {
  await inTemporaryFolder(async (dir) => {
    await writeFile(join(dir, 'notes.txt'), '')
    const lines = suggest(`/read ${dir}/no`).map(({ line }) => line)
    assert.equal(lines, [`/read ${dir}/notes.txt`])
  })
})

test.run()
