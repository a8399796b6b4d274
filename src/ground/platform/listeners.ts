import { setMaxListeners } from 'node:events'

/** Allows any number of listeners on a signal. Node takes more than ten for a leak, and warns on stderr. */
export function allowManyListeners(signal: AbortSignal): void {
  setMaxListeners(0, signal)
}
