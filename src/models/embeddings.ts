/** Embeddings of timesteps: sine and cosine waves, and the two-layer network that maps them to a block's width. */
import { constant, type Value } from '../graph/index.js';
import { type Activation, linear, type Scope, silu } from '../nn/index.js';
import { concat, cos, mul, pad, reshape, sin } from '../ops/index.js';
import { tensor } from '../tensor/index.js';

export interface TimestepsOptions {
  /** Cosines before sines. */
  readonly flipSinToCos: boolean;
  /** Subtracted from the number of frequencies in the exponent's denominator. */
  readonly freqShift: number;
}

/**
 * The frequencies 10000^(−i / (count − shift)), rounded to float32 after each step as PyTorch rounds them: at timestep
 * 1000 a frequency that is off by one unit in the last place moves the phase by 6e-5.
 */
function frequencies(count: number, shift: number): Float32Array {
  const factor = Math.fround(-Math.log(10000));
  const denominator = Math.fround(count - shift);
  return Float32Array.from({ length: count }, (_, i) =>
    Math.exp(Math.fround(Math.fround(factor * i) / denominator)),
  );
}

/**
 * Sinusoidal embedding: t [N] → [N, width], sines and cosines of t · frequency, a zero at the end of an odd width.
 * Vaswani et al. 2017, section 3.5, in the form of diffusers' get_timestep_embedding.
 */
export function timesteps(t: Value, width: number, { flipSinToCos, freqShift }: TimestepsOptions): Value {
  const half = Math.floor(width / 2);
  const waves = constant(tensor([1, half], frequencies(half, freqShift)));
  const phase = mul(reshape(t, [-1, 1]), waves);
  const parts = flipSinToCos ? [cos(phase), sin(phase)] : [sin(phase), cos(phase)];
  const embedding = concat(parts, 1);
  return width % 2 === 0 ? embedding : pad(embedding, [0, 0], [0, 1]);
}

/** diffusers' TimestepEmbedding: x [N, in] → linear, activation, linear → [N, width]. */
export function timestepEmbedding(scope: Scope, x: Value, width: number, act: Activation = silu): Value {
  const hidden = act(linear(scope.at('linear_1'), x, width));
  return linear(scope.at('linear_2'), hidden, width);
}
