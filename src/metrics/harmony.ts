/** The Visual-Linguistic Harmony Index (VLHI) of SaRA's paper: how well both of two metrics do within a group of results. */

/** One metric of every member of a group, in the same order as the others. */
export interface GroupMetric {
  readonly values: readonly number[];
  readonly better: 'lower' | 'higher';
}

/**
 * For each member the sum over the metrics of where it lies between the worst of the group (0) and the best (1); with FID
 * and CLIP score that is (max FID − FID)/(max FID − min FID) + (CLIP − min CLIP)/(max CLIP − min CLIP). A metric that is
 * the same for all gives 0. The index says nothing outside its group: another member can change the others' values.
 */
export function harmonyIndex(metrics: readonly GroupMetric[]): number[] {
  const places = metrics.map(({ values, better }) => {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    if (low === high) return values.map(() => 0);
    return values.map((value) => (better === 'lower' ? high - value : value - low) / (high - low));
  });
  return metrics[0]!.values.map((_, i) => places.reduce((sum, place) => sum + place[i]!, 0));
}
