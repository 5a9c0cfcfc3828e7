/** Maxima and means over square windows of the last two axes, where what lies outside the picture takes no part. */
import { constant, type Shape, type TensorType, type Value } from '../graph/index.js';
import { sizeOf, tensor } from '../tensor/index.js';
import { cast } from './layout.js';
import { apply1, expectThat, type Numbers, type Operator } from './operator.js';

export interface PoolAttributes {
  /** Side of the window. */
  readonly size: number;
  readonly stride: number;
  /** How far windows reach over every edge. */
  readonly padding: number;
}

function infer(name: string, x: TensorType, { size, stride, padding }: PoolAttributes): TensorType {
  expectThat(x.shape.length === 4, name, 'x [N, C, H, W]', x);
  const [n, c, height, width] = x.shape as [number, number, number, number];
  expectThat(
    Math.min(height, width) + 2 * padding >= size && padding < size,
    name,
    `sides of at least ${size - 2 * padding}`,
    x,
  );
  const positions = (side: number) => Math.floor((side + 2 * padding - size) / stride) + 1;
  return { dtype: x.dtype, shape: [n, c, positions(height), positions(width)] };
}

/** Joins the values of each window, the number of which is given too. */
function overWindows(
  x: Numbers,
  [from, to]: readonly [Shape, Shape],
  { size, stride, padding }: PoolAttributes,
  join: (values: readonly number[]) => number,
): Numbers {
  const [height, width] = from.slice(2) as [number, number];
  const [outHeight, outWidth] = to.slice(2) as [number, number];
  return new Float64Array(sizeOf(to)).map((_, at) => {
    const plane = Math.floor(at / (outHeight * outWidth)) * height * width;
    const top = (Math.floor(at / outWidth) % outHeight) * stride - padding;
    const left = (at % outWidth) * stride - padding;
    const values: number[] = [];
    for (let i = Math.max(0, top); i < Math.min(height, top + size); i++)
      for (let j = Math.max(0, left); j < Math.min(width, left + size); j++)
        values.push(x[plane + i * width + j]!);
    return join(values);
  });
}

const onnxAttributes = ({ size, stride, padding }: PoolAttributes) => ({
  kernel_shape: [size, size],
  strides: [stride, stride],
  pads: [padding, padding, padding, padding],
});

export const maxPoolOperator: Operator<PoolAttributes> = {
  name: 'max_pool',
  infer: ([x], attributes) => [infer('max_pool', x!, attributes)],
  lower: (onnx, [x], { attributes }) => [onnx.node('MaxPool', [x!], onnxAttributes(attributes))],
  evaluate: ([x], { inputs, outputs, attributes }) => {
    const shapes = [inputs[0]!.shape, outputs[0]!.shape] as const;
    return [overWindows(x!, shapes, attributes, (values) => Math.max(...values))];
  },
};

/** The largest value of each window: [N, C, H, W] → [N, C, H', W']. */
export function maxPool(
  x: Value,
  { size, stride = 1, padding = 0 }: Partial<PoolAttributes> & { size: number },
): Value {
  return apply1(maxPoolOperator, [x], { size, stride, padding });
}

/** Windows around every position, of an odd side. */
const around = ({ size }: { size: number }): PoolAttributes => ({ size, stride: 1, padding: (size - 1) / 2 });

export const averagePoolOperator: Operator<{ size: number }> = {
  name: 'average_pool',
  infer: ([x], attributes) => {
    expectThat(attributes.size % 2 === 1, 'average_pool', `an odd window, not ${attributes.size}`, x!);
    return [infer('average_pool', x!, around(attributes))];
  },
  lower: (onnx, [x], { attributes }) => [
    onnx.node('AveragePool', [x!], { ...onnxAttributes(around(attributes)), count_include_pad: 0 }),
  ],
  evaluate: ([x], { inputs, outputs, attributes }) => {
    const shapes = [inputs[0]!.shape, outputs[0]!.shape] as const;
    const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    return [overWindows(x!, shapes, around(attributes), mean)];
  },
};

/** The mean of the window around each position, over the positions that exist: [N, C, H, W] → the same shape. */
export function averagePool(x: Value, size: number): Value {
  return apply1(averagePoolOperator, [x], { size });
}

/** How many positions the window around each position has: [1, 1, H, W] in the dtype of x. */
export function windowCounts(x: Value, size: number): Value {
  const [height, width] = x.shape.slice(2) as [number, number];
  const ones = new Float64Array(height * width).fill(1);
  const shape = [1, 1, height, width];
  const counts = overWindows(ones, [shape, shape], around({ size }), (values) => values.length);
  return cast(constant(tensor(shape, Float32Array.from(counts))), x.dtype);
}
