// Writes what commands print, chats show and servers answer to test/record/{commands,chats,responses} again:
// `npm run record`, or `npm run record NAME...` for some files.
import { readdir } from 'node:fs/promises'
import { repositoryPath } from '../support/fixtures.js'
import { KINDS, writeRecord } from './records.js'

const wanted = process.argv.slice(2)
for (const kind of Object.keys(KINDS)) {
  for (const file of await readdir(repositoryPath(`test/record/${kind}`))) {
    const name = file.replace(/\.txt$/, '')
    if (wanted.length > 0 && !wanted.includes(name)) continue
    await writeRecord(kind, name)
    console.log(`written: test/record/${kind}/${file}`)
  }
}
