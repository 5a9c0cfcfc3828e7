/** Tensors side by side. */
import { sizeOf, type Tensor, tensor } from './tensor.js';

/** Tensors that differ at most along `axis`, one after another along it. Throws RangeError where there are none. */
export function concatenate(parts: readonly Tensor<'float32'>[], axis = 0): Tensor<'float32'> {
  const [first] = parts;
  if (!first) throw new RangeError('expected at least one tensor to concatenate');
  const outer = sizeOf(first.shape.slice(0, axis));
  const side = parts.reduce((sum, { shape }) => sum + shape[axis]!, 0);
  const shape = first.shape.map((size, i) => (i === axis ? side : size));
  const data = new Float32Array(sizeOf(shape));
  const row = data.length / outer;
  let start = 0;
  for (const part of parts) {
    const own = part.data.length / outer;
    for (let i = 0; i < outer; i++) data.set(part.data.subarray(i * own, (i + 1) * own), i * row + start);
    start += own;
  }
  return tensor(shape, data);
}

/** The same tensor [1, …] `count` times, as [count, …]. */
export function repeat(part: Tensor<'float32'>, count: number): Tensor<'float32'> {
  return concatenate(new Array<Tensor<'float32'>>(count).fill(part));
}
