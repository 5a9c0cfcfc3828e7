/** Activation functions, by their names in diffusers and transformers configurations. */
import { InputError } from '../errors.js';
import type { Value } from '../graph/index.js';
import { add, gelu, like, maximum, mul, offset, scale, swish, tanh } from '../ops/index.js';

export type Activation = (x: Value) => Value;

/** x · σ(x), also called swish. */
export const silu: Activation = (x) => swish(x, 1);
/** x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³))) */
export const geluTanh: Activation = (x) => {
  const cubic = mul(x, mul(x, x));
  const inner = scale(add(x, scale(cubic, 0.044715)), Math.sqrt(2 / Math.PI));
  return mul(scale(x, 0.5), offset(tanh(inner), 1));
};
/** x · σ(1.702 x), OpenAI CLIP's approximation of gelu. */
export const quickGelu: Activation = (x) => swish(x, 1.702);
/** max(x, 0) */
export const relu: Activation = (x) => maximum(x, like(x, 0));

const BY_NAME: Record<string, Activation> = {
  silu,
  swish: silu,
  gelu,
  gelu_new: geluTanh,
  gelu_pytorch_tanh: geluTanh,
  quick_gelu: quickGelu,
  relu,
};

/** The activation a configuration names. */
export function activation(name: string): Activation {
  const found = BY_NAME[name];
  if (!found)
    throw new InputError(`activation "${name}" is unknown; known are ${Object.keys(BY_NAME).join(', ')}`);
  return found;
}
