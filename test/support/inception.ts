/** A weight file of FID's Inception with small made-up weights. */
import { writeSafetensors } from '../../src/formats/index.js';
import { input } from '../../src/graph/index.js';
import { INCEPTION_SIDE, inceptionV3 } from '../../src/models/index.js';
import { Scope } from '../../src/nn/index.js';
import { sizeOf, type Tensor, tensorOf } from '../../src/tensor/index.js';

/** Bits of 1 in float16, and of a factor 2 and a sign. */
const ONE = 0x3c00;
const TWICE = 0x400;
const SIGN = 0x8000;

/** In float16, to be half as large. */
export async function writeInception(path: string): Promise<void> {
  const declared = Scope.declared('inception', (scope) =>
    inceptionV3(scope, input('image', [1, 3, INCEPTION_SIDE, INCEPTION_SIDE])),
  );
  const tensors = new Map<string, Tensor>();
  for (const [key, { shape }] of declared) {
    const data = new Uint16Array(sizeOf(shape));
    if (/bn\.(weight|running_var)$/.test(key)) data.fill(ONE);
    else {
      // 0 and plus or minus a power of two that keeps what a layer makes about as large as what it gets.
      const size = ONE - TWICE * Math.round(Math.log2(sizeOf(shape.slice(1)) / 3) / 2);
      const values = [0, size, size | SIGN];
      for (let i = 0; i < data.length; i++) data[i] = values[scrambled(i) % 3]!;
    }
    tensors.set(key, tensorOf('float16', shape, data));
  }
  await writeSafetensors(path, tensors);
}

/** A number that looks random (MurmurHash3's finalizer). */
function scrambled(i: number): number {
  const first = Math.imul(i ^ (i >>> 16), 0x85ebca6b);
  const second = Math.imul(first ^ (first >>> 13), 0xc2b2ae35);
  return (second ^ (second >>> 16)) >>> 0;
}
