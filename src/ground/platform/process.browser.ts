/* A page has no environment variables, and cannot set flags of its JavaScript engine. */

export const RUNTIME = 'this browser'

export const PROCESSOR: string = 'wasm'

export const RUNTIME_FAULT: string | false | undefined =
  typeof WebAssembly === 'object' ? undefined : 'this browser has no WebAssembly'

export const V8_VERSION = ''

export function environmentVariable(_name: string): string | undefined {
  return undefined
}

export function setV8Flag(_flag: string): void {}
