import os from 'node:os'
import { join } from 'node:path'
import { makeFolder } from '../../ground/files/folders.js'
import { molmHome } from '../../ground/files/home.js'
import { readJsonIfPresent } from '../../ground/files/small-file.js'
import { writeAtomically } from '../../ground/files/write-atomically.js'
import { fields, isNumber } from '../../ground/json/forms.js'
import { molmVersion } from '../../ground/version.js'
import { type MachineMeasurement, type MachineSpeed, MEASURED, measureMachine } from './measure-machine.js'

/** File in molm's home with the speed of the machine that it was measured on. */
const FILE = 'speed.json'

/**
 * The speed of this machine with one thread a core. It is measured in about a second, and kept until processor, cores,
 * Node or molm change. One that other programs slowed down is measured again the next time, and the fastest counts.
 */
export async function machineSpeed(measure = measureMachine): Promise<MachineMeasurement> {
  const machine = {
    processor: os.cpus()[0]?.model ?? '',
    cores: os.availableParallelism(),
    node: process.versions.node,
    molm: molmVersion(),
  }
  // A file that cannot be used is measured again.
  const found = await readJsonIfPresent(molmHome(), FILE).catch(() => undefined)
  const isOfThis = JSON.stringify(found?.machine) === JSON.stringify(machine) && isMachineSpeed(found?.speed)
  const kept = isOfThis ? { speed: found.speed as MachineSpeed, isDisturbed: found.isDisturbed === true } : undefined
  if (kept && !kept.isDisturbed) return kept
  const { speed: measured, isDisturbed } = await measure(machine.cores)
  const speed = kept && isDisturbed ? fastest(kept.speed, measured) : measured
  try {
    await makeFolder(molmHome())
    await writeAtomically(join(molmHome(), FILE), [`${JSON.stringify({ machine, speed, isDisturbed }, null, 2)}\n`])
  } catch {
    // Without a place for it, it is measured each time.
  }
  return { speed, isDisturbed }
}

function fastest(a: MachineSpeed, b: MachineSpeed): MachineSpeed {
  const { streamed, products } = structuredClone(a)
  for (const format of MEASURED) {
    streamed[format] = Math.max(streamed[format], b.streamed[format])
    products[format] = Math.max(products[format], b.products[format])
  }
  return { streamed, products, call: Math.min(a.call, b.call) }
}

const isEveryFormat = fields(Object.fromEntries(MEASURED.map((format) => [format, isNumber])))
const isMachineSpeed = fields({ streamed: isEveryFormat, products: isEveryFormat, call: isNumber }) as (
  value: unknown,
) => value is MachineSpeed
