/**
 * Ways to take an expert away. `off`: its output becomes 0. `around`: tokens use the next best expert of the layer.
 * `mean`: its output becomes the mean output of the layer's experts on the text. Gates come from the scores of all
 * experts in each case.
 */
export const WAYS = ['off', 'around', 'mean'] as const
export type Way = (typeof WAYS)[number]
