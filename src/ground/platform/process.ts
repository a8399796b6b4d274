import { setFlagsFromString } from 'node:v8'

/*
 * The process and the JavaScript engine that runs it. A browser would have no environment variables, an empty version of
 * V8 and thus no flags to set: kernels are then compiled with the browser's defaults.
 */

const { bun, deno, node } = process.versions

/** The program and version that runs this code, for messages. */
export const RUNTIME = bun ? `Bun ${bun}` : `Node ${node}`

/** Kind of processor, such as x64 or arm64. */
export const PROCESSOR: string = process.arch

/** Why models cannot run here; undefined if they can. Threads of Deno cannot look for messages while they compute. */
export const RUNTIME_FAULT = deno && `models run on Node 20 or newer and on Bun, not on Deno ${deno}`

/** Version of V8, such as 14.6.202.34-node.34. */
export const V8_VERSION = process.versions.v8

export function environmentVariable(name: string): string | undefined {
  return process.env[name]
}

/** Sets a flag of V8 for the whole process. V8 ends the process if it does not know the flag. */
export function setV8Flag(flag: string): void {
  setFlagsFromString(flag)
}
