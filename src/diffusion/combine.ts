/** Linear combination of latents: every sampler's step is one. */

/** Σ cₖ vₖ over vectors of one length, accumulated in float64 and rounded once. */
export function combine(
  ...terms: readonly (readonly [coefficient: number, values: Float32Array])[]
): Float32Array {
  const length = terms[0]![1].length;
  const sum = new Float64Array(length);
  for (const [coefficient, values] of terms) {
    if (values.length !== length)
      throw new RangeError(`latents of ${values.length} and ${length} values do not combine`);
    for (let i = 0; i < length; i++) sum[i]! += coefficient * values[i]!;
  }
  return Float32Array.from(sum);
}
