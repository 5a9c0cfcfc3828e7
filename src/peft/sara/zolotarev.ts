/**
 * Zolotarev's rational functions: of their degree they come closest to the sign of x on −[1, ℓ] ∪ [ℓ, 1]. As steps of an
 * iteration they take singular values to 1 (Nakatsukasa & Freund, SIAM Review 58, 2016); with one pole they are
 * dynamically weighted Halley steps.
 */

/** x ↦ factor · x · (1 + Σ weightⱼ / (x² + shiftⱼ)) */
export interface RationalStep {
  readonly factor: number;
  readonly poles: readonly Pole[];
}

export interface Pole {
  readonly shift: number;
  readonly weight: number;
}

/**
 * Steps with the given numbers of poles. The first suits [least, 1], each other the interval [ℓ, 1] onto which the one
 * before maps its own. A step with r poles is of order 2r + 1.
 */
export function zolotarevSteps(least: number, poles: readonly number[]): RationalStep[] {
  let lower = least;
  return poles.map((count) => {
    const step = zolotarevStep(lower, count);
    lower = valueAt(step, lower);
    return step;
  });
}

export function valueAt({ factor, poles }: RationalStep, x: number): number {
  return factor * x * (1 + poles.reduce((sum, { shift, weight }) => sum + weight / (x * x + shift), 0));
}

/**
 * x Π (x² + c₂ⱼ) / (x² + c₂ⱼ₋₁) in partial fractions, its largest value 1; cᵢ = ℓ² sn²/cn² at i K' / (2r + 1), of modulus
 * √(1 − ℓ²) (section 3 there).
 */
function zolotarevStep(lower: number, count: number): RationalStep {
  const parts = 2 * count + 1;
  const c = Array.from({ length: 2 * count }, (_, i) => (lower * tangent((i + 1) / parts, lower)) ** 2);
  const odd = c.filter((_, i) => i % 2 === 0);
  const even = c.filter((_, i) => i % 2 === 1);
  const poles = odd.map((shift) => {
    const zeros = even.reduce((product, other) => product * (other - shift), 1);
    const others = odd.reduce((product, other) => (other === shift ? product : product * (other - shift)), 1);
    return { shift, weight: zeros / others };
  });
  return { factor: 1 / valueAt({ factor: 1, poles }, 1), poles };
}

/**
 * sn/cn at a fraction of the quarter period, by arithmetic-geometric means (Abramowitz & Stegun 16.4); `complement` is
 * the complementary modulus.
 */
function tangent(fraction: number, complement: number): number {
  const means = [{ a: 1, c: Math.sqrt(1 - complement ** 2) }];
  let [a, b] = [1, complement];
  while (Math.abs(a - b) > 1e-15) {
    const c = (a - b) / 2;
    [a, b] = [(a + b) / 2, Math.sqrt(a * b)];
    means.push({ a, c });
  }
  let amplitude = 2 ** (means.length - 1) * fraction * (Math.PI / 2);
  for (const mean of means.slice(1).reverse())
    amplitude = (amplitude + Math.asin((mean.c / mean.a) * Math.sin(amplitude))) / 2;
  return Math.tan(amplitude);
}
