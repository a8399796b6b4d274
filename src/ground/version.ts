import { readFileSync } from 'node:fs'

export function molmVersion(): string {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version
}
