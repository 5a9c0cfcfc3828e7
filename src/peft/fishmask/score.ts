/** What FishMask sums up of each gradient, as options name it. */
export const SCORES = ['squared', 'absolute'] as const;
export type Score = (typeof SCORES)[number];
