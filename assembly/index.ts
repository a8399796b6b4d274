/*
 * Exports for the host. The leader stores a job's arguments in the control block and calls `run`; helpers spend their
 * life in `help`. `publish` sends the helpers home (job `leave`) without taking part.
 */
export { quantizeHead, quantizeRows } from './cache-q8'
export { enter } from './control'
export { copyRows, narrowRows, transposeRows } from './copy'
export { help, publish, run } from './parallel'
