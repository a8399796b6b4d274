// Compiles assembly/ once for each kernel tier of asconfig.json.
import { readFile } from 'node:fs/promises'
import asc from 'assemblyscript/asc'

const { targets } = JSON.parse(await readFile('asconfig.json', 'utf8'))
for (const target of Object.keys(targets)) {
  const { error, stderr } = await asc.main(['--config', 'asconfig.json', '--target', target])
  if (error) {
    process.stderr.write(`kernels, tier ${target}: ${error.message}\n${stderr.toString()}`)
    process.exitCode = 1
    break
  }
}
