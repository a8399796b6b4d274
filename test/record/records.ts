import { readFile, writeFile } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { repositoryPath } from '../support/fixtures.js'
import { runChat } from './chats.js'
import { runCommands } from './commands.js'
import { runServer } from './http.js'

/** By the folder of the records, what makes one of them again: of its inputs, or of its name. */
export const KINDS: Record<string, (record: string, name: string) => Promise<string>> = {
  commands: runCommands,
  chats: runChat,
  responses: (_, name) => runServer(name),
}

const pathOf = (kind: string, name: string): string => repositoryPath(`test/record/${kind}/${name}.txt`)

/** Writes a record again, of what the build gives now. */
export async function writeRecord(kind: string, name: string): Promise<void> {
  const record = await readFile(pathOf(kind, name), 'utf8')
  await writeFile(pathOf(kind, name), await KINDS[kind](record, name))
}

/** Tests that the build gives what records have. */
export function testRecords(kind: string, names: readonly string[]): void {
  const test = suite(`test/record/${kind}`)
  // The transcripts have commands of GNU.
  const onLinux = process.platform === 'linux' ? test : test.skip
  for (const name of names) {
    onLinux(name, async () => {
      const record = await readFile(pathOf(kind, name), 'utf8')
      const now = (await KINDS[kind](record, name)).split('\n')
      const before = record.split('\n')
      const at = before.findIndex((line, i) => line !== now[i])
      if (at < 0 && before.length === now.length) return
      const shown = (lines: string[], sign: string) =>
        lines.slice(Math.max(at, 0), at + 5).map((line) => `${sign} ${line}`)
      assert.unreachable(
        `${name}.txt differs from line ${at + 1} on; if this is meant, \`npm run record ${name}\` writes it again\n` +
          [...before.slice(Math.max(at - 8, 0), Math.max(at, 0)), ...shown(before, '-'), ...shown(now, '+')].join('\n'),
      )
    })
  }
  test.run()
}
