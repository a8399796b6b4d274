// Asks for permission for the calls that argv has as JSON, and prints the answers.
import { CallPermission } from '#molm/cli/commands/run/call-permission.js'
import { interruptSignal } from '#molm/cli/io/interrupt.js'

const [calls, allowed] = process.argv.slice(2).map((text) => JSON.parse(text))
const isAllowed = (name: string) => allowed.includes(name)
const permission = new CallPermission({ isAllowed, signal: interruptSignal() })
try {
  for (const [name, args, isChanged] of calls) {
    const tool = { name, description: 'does it', isChanged }
    console.log(await permission.allow({ id: 'call_1', name, arguments: args }, tool))
  }
} catch (error) {
  console.log((error as Error).name)
}
