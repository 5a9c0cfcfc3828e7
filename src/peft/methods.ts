/** The table of methods, and making an optimizer by name. */
import { InputError } from '../errors.js';
import type { Network } from '../nn/index.js';
import { ADAMW_OPTIONS } from './adamw.js';
import { adaptFormer } from './adaptformer/method.js';
import { diffPruning } from './diffpruning/method.js';
import { dora } from './dora/method.js';
import { fishMask } from './fishmask/method.js';
import { full } from './full/method.js';
import { largest } from './largest/method.js';
import { lora } from './lora/method.js';
import { ltSft } from './lt-sft/method.js';
import type { Method, MethodOptions } from './method.js';
import { METHOD_NAMES, type MethodName } from './method-names.js';
import type { Optimizer } from './optimizer.js';
import { random } from './random/method.js';
import { sara } from './sara/method.js';
import { textualInversion } from './textual-inversion/method.js';

export const METHODS: Readonly<Record<MethodName, Method>> = {
  full,
  sara,
  lora,
  dora,
  adaptformer: adaptFormer,
  largest,
  random,
  'lt-sft': ltSft,
  fishmask: fishMask,
  diffpruning: diffPruning,
  'textual-inversion': textualInversion,
};

/** Throws InputError where there is no such method, it has no such option, or nothing is selected. */
export function createOptimizer(name: string, network: Network, options: MethodOptions = {}): Optimizer {
  const method = METHODS[name as MethodName];
  if (!method) {
    throw new InputError(`there is no method "${name}"; expected one of ${METHOD_NAMES.join(', ')}`);
  }
  const known: readonly string[] = [...ADAMW_OPTIONS, ...method.options];
  for (const [option, value] of Object.entries(options)) {
    if (value === undefined || known.includes(option)) continue;
    throw new InputError(`method "${name}" has no option "${option}"; expected some of ${known.join(', ')}`);
  }
  return method.createOptimizer(network, options);
}
