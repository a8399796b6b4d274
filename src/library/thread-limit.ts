/** Threads of an engine at most. */
export { MAX_THREADS } from '../runtime/abi/control.js'
