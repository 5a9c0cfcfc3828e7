/** Hard-concrete gates (Louizos et al., arXiv 1712.01312, as DiffPruning, arXiv 2012.07463, uses them): random numbers that are often exactly 0 or 1. */
import type { Random } from '../../tensor/index.js';

/** The interval [l, r] to which the gates are stretched before they are cut to [0, 1]. */
const [LEFT, RIGHT] = [-1.5, 1.5];
const WIDTH = RIGHT - LEFT;
/** log(−l/r): gates above it are open more often than not. */
const SHIFT = Math.log(-LEFT / RIGHT);
/** Uniform draws stay away from 0 and 1, of which there is no logarithm. */
const [LEAST, MOST] = [1e-4, 0.9999];

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** Draws for gates, uniform in [1e-4, 0.9999). */
export function gateDraws(random: Random, count: number): Float32Array {
  return random.uniform(count).map((u) => LEAST + (MOST - LEAST) * u);
}

/** z = min(1, max(0, l + (r − l)·σ(log u − log(1 − u) + α))) */
export function gate(alpha: number, u: number): number {
  return Math.min(1, Math.max(0, LEFT + WIDTH * sigmoid(Math.log(u) - Math.log(1 - u) + alpha)));
}

/** dz/dα = (r − l)·s(1 − s), where s is found again from z; 0 where z was cut. */
export function gateSlope(z: number): number {
  if (z <= 0 || z >= 1) return 0;
  const s = (z - LEFT) / WIDTH;
  return WIDTH * s * (1 - s);
}

/** P(z ≠ 0) = σ(α − log(−l/r)), whose sum is the penalty. */
export function openness(alpha: number): number {
  return sigmoid(alpha - SHIFT);
}

/** d openness / dα */
export function opennessSlope(alpha: number): number {
  const open = openness(alpha);
  return open * (1 - open);
}
