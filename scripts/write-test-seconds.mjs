// Writes test/runner/seconds.json, which orders the test files, from the times of the last run: npm run test:all, then
//   node scripts/write-test-seconds.mjs
import { readFile, writeFile } from 'node:fs/promises'

const TIMES = new URL('../build/times.json', import.meta.url)
const SECONDS = new URL('../test/runner/seconds.json', import.meta.url)

const times = Object.entries(JSON.parse(await readFile(TIMES, 'utf8')))
const seconds = times.map(([file, { wall }]) => [file, Math.ceil(wall)])
await writeFile(SECONDS, `${JSON.stringify(Object.fromEntries(seconds.sort()), undefined, 2)}\n`)
