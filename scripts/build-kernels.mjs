// Compiles assembly/ for a kernel tier of asconfig.json: node scripts/build-kernels.mjs plain      (npm run build calls it)
import asc from 'assemblyscript/asc'

const [target] = process.argv.slice(2)
const { error, stderr } = await asc.main(['--config', 'asconfig.json', '--target', target])
if (error) {
  process.stderr.write(`kernels, tier ${target}: ${error.message}\n${stderr.toString()}`)
  process.exitCode = 1
}
