/**
 * The Inception network of FID: torch-fidelity's FeatureExtractorInceptionV3 ("inception-v3-compat"), the TensorFlow weights
 * of 2015-12-05. It differs from torchvision's: average pools leave the padding out, and the last block's pool takes maxima.
 */

import { lazyTensors, openTensorFile } from '../formats/index.js';
import { input, type Value } from '../graph/index.js';
import { linear, type Network, ONES, relu, type Scope, ZEROS } from '../nn/index.js';
import {
  add,
  averagePool,
  concat,
  conv2d,
  div,
  maxPool,
  mul,
  offset,
  reduceMean,
  reshape,
  sqrt,
  sub,
} from '../ops/index.js';
import { readNetwork } from './load.js';
import type { NetworkKind } from './network-kind.js';

/** Width and height of the pictures that the network takes. */
export const INCEPTION_SIDE = 299;
const CLASSES = 1008;
const EPSILON = 1e-3;

type Branch = (scope: Scope, x: Value) => Value;

/** A kernel, or its height and width; zeros around it unless the pictures are to become smaller. */
interface ConvOptions {
  readonly kernel?: number | readonly [number, number];
  readonly stride?: number;
  readonly padded?: boolean;
}

/** Convolution, batch normalization with the recorded statistics (one scale and shift a channel), relu. */
function basicConv(scope: Scope, x: Value, channels: number, options: ConvOptions = {}): Value {
  const { kernel = 1, stride = 1, padded = true } = options;
  const [height, width] = typeof kernel === 'number' ? [kernel, kernel] : kernel;
  const fanIn = x.shape[1]! * height * width;
  const weight = scope
    .at('conv')
    .param('weight', [channels, x.shape[1]!, height, width], { kind: 'fan-in', fanIn });
  const norm = scope.at('bn');
  const [gain, bias] = [norm.param('weight', [channels], ONES), norm.param('bias', [channels], ZEROS)];
  const mean = norm.param('running_mean', [channels], ZEROS);
  const scale = div(gain, sqrt(offset(norm.param('running_var', [channels], ONES), EPSILON)));
  const [vertical, horizontal] = padded ? [(height - 1) / 2, (width - 1) / 2] : [0, 0];
  const attributes = { stride, padding: [vertical, horizontal, vertical, horizontal] } as const;
  const scaled = mul(weight, reshape(scale, [channels, 1, 1, 1]));
  return relu(conv2d(x, scaled, sub(bias, mul(mean, scale)), attributes));
}

/** Branches on the same input, their channels side by side. */
const mixed = (scope: Scope, x: Value, ...branches: Branch[]): Value =>
  concat(
    branches.map((branch) => branch(scope, x)),
    1,
  );

/** One convolution after another, each under its key. */
const chain =
  (...steps: readonly (readonly [key: string, channels: number, options?: ConvOptions])[]): Branch =>
  (scope, x) =>
    steps.reduce((y, [key, channels, options]) => basicConv(scope.at(key), y, channels, options), x);

/** Two convolutions of the same input, their channels side by side. */
const fork =
  (key: string, channels: number): Branch =>
  (scope, x) =>
    concat(
      [
        basicConv(scope.at(`${key}a`), x, channels, { kernel: [1, 3] }),
        basicConv(scope.at(`${key}b`), x, channels, { kernel: [3, 1] }),
      ],
      1,
    );

const then =
  (first: Branch, second: Branch): Branch =>
  (scope, x) =>
    second(scope, first(scope, x));

const halving: Branch = (_scope, x) => maxPool(x, { size: 3, stride: 2 });
const averaged = (channels: number): Branch =>
  then((_, x) => averagePool(x, 3), chain(['branch_pool', channels]));
const largest = (channels: number): Branch =>
  then((_, x) => maxPool(x, { size: 3, padding: 1 }), chain(['branch_pool', channels]));

const reducing = { kernel: 3, stride: 2, padded: false } as const;
const row = { kernel: [1, 7] } as const;
const column = { kernel: [7, 1] } as const;

const inceptionA = (scope: Scope, x: Value, poolChannels: number): Value =>
  mixed(
    scope,
    x,
    chain(['branch1x1', 64]),
    chain(['branch5x5_1', 48], ['branch5x5_2', 64, { kernel: 5 }]),
    chain(
      ['branch3x3dbl_1', 64],
      ['branch3x3dbl_2', 96, { kernel: 3 }],
      ['branch3x3dbl_3', 96, { kernel: 3 }],
    ),
    averaged(poolChannels),
  );

const inceptionB = (scope: Scope, x: Value): Value =>
  mixed(
    scope,
    x,
    chain(['branch3x3', 384, reducing]),
    chain(['branch3x3dbl_1', 64], ['branch3x3dbl_2', 96, { kernel: 3 }], ['branch3x3dbl_3', 96, reducing]),
    halving,
  );

const inceptionC = (scope: Scope, x: Value, width: number): Value =>
  mixed(
    scope,
    x,
    chain(['branch1x1', 192]),
    chain(['branch7x7_1', width], ['branch7x7_2', width, row], ['branch7x7_3', 192, column]),
    chain(
      ['branch7x7dbl_1', width],
      ['branch7x7dbl_2', width, column],
      ['branch7x7dbl_3', width, row],
      ['branch7x7dbl_4', width, column],
      ['branch7x7dbl_5', 192, row],
    ),
    averaged(192),
  );

const inceptionD = (scope: Scope, x: Value): Value =>
  mixed(
    scope,
    x,
    chain(['branch3x3_1', 192], ['branch3x3_2', 320, reducing]),
    chain(
      ['branch7x7x3_1', 192],
      ['branch7x7x3_2', 192, row],
      ['branch7x7x3_3', 192, column],
      ['branch7x7x3_4', 192, reducing],
    ),
    halving,
  );

const inceptionE = (scope: Scope, x: Value, pool: Branch): Value =>
  mixed(
    scope,
    x,
    chain(['branch1x1', 320]),
    then(chain(['branch3x3_1', 384]), fork('branch3x3_2', 384)),
    then(chain(['branch3x3dbl_1', 448], ['branch3x3dbl_2', 384, { kernel: 3 }]), fork('branch3x3dbl_3', 384)),
    pool,
  );

/** Spatial means [N, C] after four stages, by their widths as torch-fidelity names them, and what the classes are told by. */
export interface InceptionFeatures {
  readonly '64': Value;
  readonly '192': Value;
  readonly '768': Value;
  /** What FID and KID compare. */
  readonly '2048': Value;
  /** [N, 1008], without and with the bias of the last layer. */
  readonly logits_unbiased: Value;
  readonly logits: Value;
}

/** image [N, 3, 299, 299], values (v − 128) / 128 of bytes v. */
export function inceptionV3(scope: Scope, image: Value): InceptionFeatures {
  const at = (name: string) => scope.at(name);
  let x = basicConv(at('Conv2d_1a_3x3'), image, 32, reducing);
  x = basicConv(at('Conv2d_2a_3x3'), x, 32, { kernel: 3, padded: false });
  x = basicConv(at('Conv2d_2b_3x3'), x, 64, { kernel: 3 });
  const first = halving(scope, x);
  x = basicConv(at('Conv2d_3b_1x1'), first, 80);
  x = basicConv(at('Conv2d_4a_3x3'), x, 192, { kernel: 3, padded: false });
  const second = halving(scope, x);
  x = inceptionA(at('Mixed_5b'), second, 32);
  x = inceptionA(at('Mixed_5c'), x, 64);
  x = inceptionA(at('Mixed_5d'), x, 64);
  x = inceptionB(at('Mixed_6a'), x);
  x = inceptionC(at('Mixed_6b'), x, 128);
  x = inceptionC(at('Mixed_6c'), x, 160);
  x = inceptionC(at('Mixed_6d'), x, 160);
  const third = inceptionC(at('Mixed_6e'), x, 192);
  x = inceptionD(at('Mixed_7a'), third);
  x = inceptionE(at('Mixed_7b'), x, averaged(192));
  const pooled = spatialMean(inceptionE(at('Mixed_7c'), x, largest(192)));
  const unbiased = linear(at('fc'), pooled, CLASSES, { bias: false });
  return {
    '64': spatialMean(first),
    '192': spatialMean(second),
    '768': spatialMean(third),
    '2048': pooled,
    logits_unbiased: unbiased,
    logits: add(unbiased, at('fc').param('bias', [CLASSES], ZEROS)),
  };
}

/** [N, C, H, W] → [N, C] */
function spatialMean(x: Value): Value {
  return reshape(reduceMean(x, [2, 3]), x.shape.slice(0, 2));
}

const INCEPTION: NetworkKind<undefined> = {
  weights: 'model',
  parseConfig: () => undefined,
  declare: (scope) => {
    inceptionV3(scope, input('image', [1, 3, INCEPTION_SIDE, INCEPTION_SIDE]));
  },
  ignored: /\.num_batches_tracked$/,
};

/**
 * Reads the weights of torch-fidelity or pytorch-fid, as their `.pth` or as safetensors. Throws InputError where the file is
 * broken or holds another network.
 */
export async function loadInception(path: string): Promise<Network<undefined>> {
  const file = await openTensorFile(path);
  try {
    return await readNetwork(
      'inception',
      INCEPTION,
      {},
      { place: path, tensors: lazyTensors(file), close: () => file.close() },
    );
  } finally {
    await file.close();
  }
}
