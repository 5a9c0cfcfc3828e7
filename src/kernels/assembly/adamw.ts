/** AdamW on whole arrays. */

/**
 * m ← β₁m + c₁g, v ← β₂v + c₂g², w ← keep·w − step·m / (√v·rootFactor + ε) with g scaled by `clip`, for the entries
 * 0 … count − 1 of arrays at these addresses; entries up to the next multiple of 4 may change.
 */
export function adamw(
  weights: usize,
  gradient: usize,
  mean: usize,
  square: usize,
  count: i32,
  clip: f32,
  beta1: f32,
  beta2: f32,
  c1: f32,
  c2: f32,
  keep: f32,
  step: f32,
  rootFactor: f32,
  epsilon: f32,
): void {
  for (let i = 0; i < count; i += 4) {
    const g = f32x4.mul(v128.load(gradient), f32x4.splat(clip));
    const m = f32x4.add(f32x4.mul(f32x4.splat(beta1), v128.load(mean)), f32x4.mul(f32x4.splat(c1), g));
    const v = f32x4.add(
      f32x4.mul(f32x4.splat(beta2), v128.load(square)),
      f32x4.mul(f32x4.splat(c2), f32x4.mul(g, g)),
    );
    const root = f32x4.add(f32x4.mul(f32x4.sqrt(v), f32x4.splat(rootFactor)), f32x4.splat(epsilon));
    const change = f32x4.div(f32x4.mul(f32x4.splat(step), m), root);
    v128.store(mean, m);
    v128.store(square, v);
    v128.store(weights, f32x4.sub(f32x4.mul(f32x4.splat(keep), v128.load(weights)), change));
    weights += 16;
    gradient += 16;
    mean += 16;
    square += 16;
  }
}
