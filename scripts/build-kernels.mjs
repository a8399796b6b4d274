// Compiles assembly/ for a kernel tier of asconfig.json: node scripts/build-kernels.mjs plain [FILE.wasm]
// (npm run build calls it)
import asc from 'assemblyscript/asc'

const [target, file] = process.argv.slice(2)
const to = file ? ['--outFile', file] : []
const { error, stderr } = await asc.main(['--config', 'asconfig.json', '--target', target, ...to])
if (error) {
  process.stderr.write(`kernels, tier ${target}: ${error.message}\n${stderr.toString()}`)
  process.exitCode = 1
}
