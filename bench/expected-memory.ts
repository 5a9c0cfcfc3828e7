/** About how much memory a measurement will take, so that those which do not fit need not be tried. */
import { UNET, unetParameterShapes } from '../src/models/index.js';
import { sizeOf } from '../src/tensor/index.js';
import type { Cell } from './result.js';
import { savedBytesOf } from './saved-values.js';
import type { Case } from './sizes.js';

/** What an interpreter and its libraries take. */
const RUNTIME = { ours: 0.3e9, pytorch: 0.5e9 };

/** Bytes for each weight, beside what is kept for the backward pass: weights, gradients, moments, masks. */
const PER_WEIGHT: Readonly<Record<Cell['side'], Readonly<Record<string, number>>>> = {
  ours: { 'sara-half': 2, 'sara-half-checkpoint': 2, full: 20, sample: 4.3 },
  pytorch: { full: 16, 'official-dense': 17.5, 'lt-sft': 17, official: 9, sample: 4.3 },
};
/** Of works that are in no list: the weights themselves. */
const WEIGHTS_ALONE = 4;
/** For each entry that trains in SaRA: value, position, gradient and two moments. */
const PER_TRAINED = 24;
const WITHOUT_BACKWARD = /^(gemm|rank|forward|sample)$/;

export function expectedBytes(of: Case, { side, work }: Cell): number {
  const name = work.replace(/^start-/, '');
  if (name === 'gemm' || name === 'rank') return RUNTIME[side];
  const shapes = unetParameterShapes(UNET.parseConfig(of.unet));
  const weights = [...shapes.values()].reduce((sum, shape) => sum + sizeOf(shape), 0);
  const state = weights * (PER_WEIGHT[side][name] ?? WEIGHTS_ALONE) + of.trained * PER_TRAINED;
  return RUNTIME[side] + state + (WITHOUT_BACKWARD.test(name) ? 0 : savedBytesOf(of));
}
