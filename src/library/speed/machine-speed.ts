import os from 'node:os'
import { join } from 'node:path'
import { makeFolder } from '../../ground/files/folders.js'
import { molmHome } from '../../ground/files/home.js'
import { readJsonIfPresent } from '../../ground/files/small-file.js'
import { writeAtomically } from '../../ground/files/write-atomically.js'
import { fields, isNumber } from '../../ground/json/forms.js'
import { molmVersion } from '../../ground/version.js'
import { type MachineSpeed, MEASURED, measureMachine } from './measure-machine.js'

/** File in molm's home with the speed of the machine that it was measured on. */
const FILE = 'speed.json'

/**
 * The speed of this machine with one thread a core. It is measured in about a second, and kept until processor, cores,
 * Node or molm change, unless other programs slowed it down.
 */
export async function machineSpeed(measure = measureMachine): Promise<MachineSpeed> {
  const machine = {
    processor: os.cpus()[0]?.model ?? '',
    cores: os.availableParallelism(),
    node: process.versions.node,
    molm: molmVersion(),
  }
  // A file that cannot be used is measured again.
  const kept = await readJsonIfPresent(molmHome(), FILE).catch(() => undefined)
  if (JSON.stringify(kept?.machine) === JSON.stringify(machine) && isMachineSpeed(kept?.speed)) return kept.speed
  const { speed, isDisturbed } = await measure(machine.cores)
  if (isDisturbed) return speed
  try {
    await makeFolder(molmHome())
    await writeAtomically(join(molmHome(), FILE), [`${JSON.stringify({ machine, speed }, null, 2)}\n`])
  } catch {
    // Without a place for it, it is measured each time.
  }
  return speed
}

const isEveryFormat = fields(Object.fromEntries(MEASURED.map((format) => [format, isNumber])))
const isMachineSpeed = fields({ streamed: isEveryFormat, products: isEveryFormat, call: isNumber }) as (
  value: unknown,
) => value is MachineSpeed
