/** Nearest-neighbour enlargement of the last two axes, as torch.nn.functional.interpolate(mode='nearest') does it. */
import { constant, type Value } from '../graph/index.js';
import { sizeOf, tensor } from '../tensor/index.js';
import { cast, expand, transpose } from './layout.js';
import { matmul } from './matmul.js';
import { apply1, expectThat, type Operator } from './operator.js';

export const upsampleOperator: Operator<{ factor: number }> = {
  name: 'upsample',
  infer: ([x], { factor }) => {
    expectThat(x!.shape.length === 4, 'upsample', 'x [N, C, H, W]', x!);
    const [n, c, height, width] = x!.shape;
    return [{ dtype: x!.dtype, shape: [n!, c!, height! * factor, width! * factor] }];
  },
  lower: (onnx, [x], { attributes: { factor } }) => {
    const scales = onnx.constant({
      dtype: 'float32',
      shape: [4],
      data: Float32Array.of(1, 1, factor, factor),
    });
    const attributes = {
      mode: 'nearest',
      coordinate_transformation_mode: 'asymmetric',
      nearest_mode: 'floor',
    };
    return [onnx.node('Resize', [x!, '', scales], attributes)];
  },
  evaluate: ([x], node) => {
    const { factor } = node.attributes;
    const [height, width] = node.outputs[0]!.shape.slice(2) as [number, number];
    const out = new Float64Array(sizeOf(node.outputs[0]!.shape));
    return [
      out.map((_, i) => {
        const column = Math.floor((i % width) / factor);
        const row = Math.floor((Math.floor(i / width) % height) / factor);
        const plane = Math.floor(i / (width * height));
        return x![(plane * (height / factor) + row) * (width / factor) + column]!;
      }),
    ];
  },
};

/** Repeats rows and columns a whole number of times: [N, C, H, W] → [N, C, H·factor, W·factor]. */
export function upsample(x: Value, factor: number): Value {
  return apply1(upsampleOperator, [x], { factor });
}

/** [N, C, H, W] → [N, C, height, width]; output row i is input row ⌊i·H/height⌋. */
export function resizeNearest(x: Value, height: number, width: number): Value {
  const [n, c, fromHeight, fromWidth] = x.shape as [number, number, number, number];
  const factor = height / fromHeight;
  if (Number.isInteger(factor) && width === fromWidth * factor) return upsample(x, factor);
  const rows = expand(selection(x, fromHeight, height), [n, c, height, fromHeight]);
  const columns = expand(transpose(selection(x, fromWidth, width), [1, 0]), [n, c, fromWidth, width]);
  return matmul(matmul(rows, x), columns);
}

/** The 0/1 matrix [to, from] that picks row ⌊i·from/to⌋. */
function selection(x: Value, from: number, to: number): Value {
  const data = new Float32Array(to * from);
  for (let i = 0; i < to; i++) data[i * from + Math.floor((i * from) / to)] = 1;
  return cast(constant(tensor([to, from], data)), x.dtype);
}
