/** Prompts that run at once, unless the command line says otherwise. */
export const DEFAULT_PARALLEL = 8
/** Each has a cache of its own. */
export const MOST_PARALLEL = 256
