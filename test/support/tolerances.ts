/*
 * How far the numbers of a reference checkpoint, in float32, may be from what the code that it was made for computed: more
 * than two ways of rounding differ, and less than mistakes in the mathematics make. The tests say what was measured.
 */
export const LOGITS = 5e-5
export const BLOCKS = 1e-4
export const GATES = 1e-5
export const CROSS_ENTROPY = 1e-4
