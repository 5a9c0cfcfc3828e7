/** 2-D convolution (cross-correlation, NCHW, one group) and its two gradients, which are operators of their own. */
import { type OnnxBuilder, type Shape, sameShape, type TensorType, type Value } from '../graph/index.js';
import { sizeOf } from '../tensor/index.js';
import { apply1, expectSameDtype, expectThat, type Numbers, type Operator } from './operator.js';

export interface ConvAttributes {
  readonly stride: number;
  /** Zeros added at the top, left, bottom and right. */
  readonly padding: readonly [number, number, number, number];
}

type Sides = [number, number, number, number];

/** im2col buffers above this many elements are built one kernel offset at a time. */
const LARGEST_COLUMNS = 8 * 2 ** 20;

function outputSides([, , height, width]: Shape, [, , kh, kw]: Shape, { stride, padding }: ConvAttributes) {
  const [top, left, bottom, right] = padding;
  return [
    Math.floor((height! + top + bottom - kh!) / stride) + 1,
    Math.floor((width! + left + right - kw!) / stride) + 1,
  ] as const;
}

function inferConv(name: string, x: TensorType, weight: TensorType, attributes: ConvAttributes): TensorType {
  expectThat(
    x.shape.length === 4 && weight.shape.length === 4,
    name,
    'x [N, C, H, W] and weight [O, C, kh, kw]',
    x,
    weight,
  );
  expectThat(
    x.shape[1] === weight.shape[1],
    name,
    `${weight.shape[1]} input channels as in the weight`,
    x,
    weight,
  );
  const [height, width] = outputSides(x.shape, weight.shape, attributes);
  expectThat(height > 0 && width > 0, name, 'an input no smaller than the kernel', x, weight);
  return { dtype: x.dtype, shape: [x.shape[0]!, weight.shape[0]!, height, width] };
}

/** Calls `visit(y, x, w)` with the flat positions of every output–input–weight triple of a convolution. */
function forEachTap(
  [batch, outputs, outHeight, outWidth]: Sides,
  [, channels, height, width]: Sides,
  [, , kh, kw]: Sides,
  { stride, padding: [top, left] }: ConvAttributes,
  visit: (y: number, x: number, w: number) => void,
): void {
  for (let n = 0; n < batch; n++)
    for (let o = 0; o < outputs; o++)
      for (let i = 0; i < outHeight; i++)
        for (let j = 0; j < outWidth; j++) {
          const y = ((n * outputs + o) * outHeight + i) * outWidth + j;
          for (let c = 0; c < channels; c++)
            for (let u = 0; u < kh; u++)
              for (let v = 0; v < kw; v++) {
                const row = i * stride + u - top;
                const column = j * stride + v - left;
                if (row < 0 || column < 0 || row >= height || column >= width) continue;
                visit(
                  y,
                  ((n * channels + c) * height + row) * width + column,
                  ((o * channels + c) * kh + u) * kw + v,
                );
              }
        }
}

const convAttributes = (weight: Shape, { stride, padding }: ConvAttributes) => ({
  kernel_shape: weight.slice(2),
  strides: [stride, stride],
  pads: padding,
});

export const conv2dOperator: Operator<ConvAttributes> = {
  name: 'conv2d',
  infer: (inputs, attributes) => {
    const [x, weight, bias] = inputs;
    expectSameDtype('conv2d', inputs);
    const type = inferConv('conv2d', x!, weight!, attributes);
    if (bias)
      expectThat(
        sameShape(bias.shape, [type.shape[1]!]),
        'conv2d',
        `a bias of shape [${type.shape[1]}]`,
        bias,
      );
    return [type];
  },
  lower: (onnx, inputs, node) => [
    onnx.node('Conv', inputs, convAttributes(node.inputs[1]!.shape, node.attributes)),
  ],
  evaluate: ([x, weight, bias], node) => {
    const shape = node.outputs[0]!.shape as Sides;
    const plane = shape[2] * shape[3];
    const out = new Float64Array(sizeOf(shape)).map((_, i) => bias?.[Math.floor(i / plane) % shape[1]] ?? 0);
    const [xType, weightType] = node.inputs;
    forEachTap(shape, xType!.shape as Sides, weightType!.shape as Sides, node.attributes, (y, from, w) => {
      out[y]! += x![from]! * weight![w]!;
    });
    return [out];
  },
};

/** x [N, C, H, W] * weight [O, C, kh, kw] + bias [O] → [N, O, H', W'] */
export function conv2d(x: Value, weight: Value, bias: Value | undefined, attributes: ConvAttributes): Value {
  return apply1(conv2dOperator, bias ? [x, weight, bias] : [x, weight], attributes);
}

export interface InputGradientAttributes extends ConvAttributes {
  readonly inputShape: Shape;
}

export const conv2dInputGradientOperator: Operator<InputGradientAttributes> = {
  name: 'conv2d_input_gradient',
  infer: ([dy, weight], attributes) => {
    const x = { dtype: dy!.dtype, shape: attributes.inputShape };
    const { shape } = inferConv('conv2d_input_gradient', x, weight!, attributes);
    expectThat(
      sameShape(shape, dy!.shape),
      'conv2d_input_gradient',
      `an output gradient of shape [${shape}]`,
      dy!,
    );
    return [x];
  },
  lower: (onnx, [dy, weight], node) => {
    const { stride, padding, inputShape } = node.attributes;
    const kernel = node.inputs[1]!.shape as Sides;
    const [, , kh, kw] = kernel;
    const [top, left, bottom, right] = padding;
    const [batch, outputs, height, width] = node.inputs[0]!.shape as Sides;
    if (stride === 1 && batch * height * width > outputs) {
      // dx = flip(flip(dy) * Wᵀ), which is dy * flip(Wᵀ) without turning every kernel. Where there are fewer positions
      // than channels, exchanging the channels of W costs more than ConvTranspose, which reads W as it is.
      const flip = (name: string) => (kh * kw === 1 ? name : flipPlanes(onnx, name));
      const exchanged = onnx.transpose(weight!, [1, 0, 2, 3]);
      const pads = [kh - 1 - bottom, kw - 1 - right, kh - 1 - top, kw - 1 - left];
      return [flip(onnx.node('Conv', [flip(dy!), exchanged], { kernel_shape: [kh, kw], pads }))];
    }
    const output_padding = [
      inputShape[2]! - ((height - 1) * stride + kh - top - bottom),
      inputShape[3]! - ((width - 1) * stride + kw - left - right),
    ];
    return [
      onnx.node('ConvTranspose', [dy!, weight!], {
        ...convAttributes(kernel, node.attributes),
        output_padding,
      }),
    ];
  },
  evaluate: ([dy, weight], node) => {
    const [yType, weightType] = node.inputs;
    const { inputShape } = node.attributes;
    const out = new Float64Array(sizeOf(inputShape));
    forEachTap(
      yType!.shape as Sides,
      inputShape as Sides,
      weightType!.shape as Sides,
      node.attributes,
      (y, to, w) => {
        out[to]! += dy![y]! * weight![w]!;
      },
    );
    return [out];
  },
};

/** Reverses height and width of [N, C, H, W]. */
function flipPlanes(onnx: OnnxBuilder, name: string): string {
  const backwards = onnx.ints([-1, -1]);
  const beforeFirst = onnx.ints([-(2 ** 31), -(2 ** 31)]);
  return onnx.node('Slice', [name, backwards, beforeFirst, onnx.ints([2, 3]), backwards]);
}

/** d loss / d x of conv2d, from d loss / d y and the weight. */
export function conv2dInputGradient(
  dy: Value,
  weight: Value,
  inputShape: Shape,
  { stride, padding }: ConvAttributes,
): Value {
  return apply1(conv2dInputGradientOperator, [dy, weight], { stride, padding, inputShape });
}

export interface WeightGradientAttributes extends ConvAttributes {
  readonly weightShape: Shape;
}

export const conv2dWeightGradientOperator: Operator<WeightGradientAttributes> = {
  name: 'conv2d_weight_gradient',
  infer: ([dy, x], attributes) => {
    const weight = { dtype: dy!.dtype, shape: attributes.weightShape };
    const { shape } = inferConv('conv2d_weight_gradient', x!, weight, attributes);
    expectThat(
      sameShape(shape, dy!.shape),
      'conv2d_weight_gradient',
      `an output gradient of shape [${shape}]`,
      dy!,
    );
    return [weight];
  },
  lower: (onnx, [dy, x], node) => [
    lowerWeightGradient(
      onnx,
      dy!,
      x!,
      node.inputs.map((value) => value.shape),
      node.attributes,
    ),
  ],
  evaluate: ([dy, x], node) => {
    const [yType, xType] = node.inputs;
    const { weightShape } = node.attributes;
    const out: Numbers = new Float64Array(sizeOf(weightShape));
    forEachTap(
      yType!.shape as Sides,
      xType!.shape as Sides,
      weightShape as Sides,
      node.attributes,
      (y, from, w) => {
        out[w]! += dy![y]! * x![from]!;
      },
    );
    return [out];
  },
};

/** dW [O, C·taps] = dY [O, N·P] · columns(x) [C·taps, N·P]ᵀ, where a tap is one position (u, v) of the kernel. */
function lowerWeightGradient(
  onnx: OnnxBuilder,
  dy: string,
  x: string,
  [dyShape, xShape]: readonly Shape[],
  { stride, padding: [top, left, bottom, right], weightShape }: WeightGradientAttributes,
): string {
  const [batch, outputs, outHeight, outWidth] = dyShape as Sides;
  const channels = xShape![1]!;
  const [, , kh, kw] = weightShape as Sides;
  const positions = batch * outHeight * outWidth;
  const rows = onnx.reshape(onnx.transpose(dy, [1, 0, 2, 3]), [outputs, positions]);
  const padded =
    top + left + bottom + right === 0
      ? x
      : onnx.node('Pad', [x, onnx.ints([0, 0, top, left, 0, 0, bottom, right])]);
  const byChannel = onnx.transpose(padded, [1, 0, 2, 3]);
  const tap = (u: number, v: number): string => {
    const ends = [u + (outHeight - 1) * stride + 1, v + (outWidth - 1) * stride + 1];
    return onnx.node('Slice', [
      byChannel,
      onnx.ints([u, v]),
      onnx.ints(ends),
      onnx.ints([2, 3]),
      onnx.ints([stride, stride]),
    ]);
  };
  const taps = Array.from({ length: kh * kw }, (_, i) => [Math.floor(i / kw), i % kw] as const);
  if (channels * taps.length * positions <= LARGEST_COLUMNS) {
    const columns = taps.map(([u, v]) => onnx.reshape(tap(u, v), [channels, 1, positions]));
    const joined = columns.length === 1 ? columns[0]! : onnx.node('Concat', columns, { axis: 1 });
    const product = onnx.node('Gemm', [rows, onnx.reshape(joined, [channels * taps.length, positions])], {
      transB: 1,
    });
    return onnx.reshape(product, weightShape);
  }
  const products = taps.map(([u, v]) => {
    const product = onnx.node('Gemm', [rows, onnx.reshape(tap(u, v), [channels, positions])], { transB: 1 });
    return onnx.reshape(product, [outputs, channels, 1]);
  });
  return onnx.reshape(onnx.node('Concat', products, { axis: 2 }), weightShape);
}

/** d loss / d weight of conv2d, from d loss / d y and x. */
export function conv2dWeightGradient(
  dy: Value,
  x: Value,
  weightShape: Shape,
  { stride, padding }: ConvAttributes,
): Value {
  return apply1(conv2dWeightGradientOperator, [dy, x], { stride, padding, weightShape });
}
