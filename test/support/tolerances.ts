/*
 * Tolerance for a reference checkpoint in float32, against the original code's results. It is above the difference of
 * two orders of rounding, and below the effect of a mistake in the mathematics. The tests state the measured
 * differences.
 */
export const LOGITS = 5e-5
export const BLOCKS = 1e-4
export const GATES = 1e-5
export const CROSS_ENTROPY = 1e-4
