/** Which weights an exported model has changed, bit by bit. */
import { join } from 'node:path';
import { openSafetensors, type SafetensorsFile } from '../../src/formats/index.js';
import { loadAdapter, METHODS } from '../../src/peft/index.js';
import { floatToHalf, halfToFloat32, tensor } from '../../src/tensor/index.js';

export interface Comparison {
  readonly weights: number;
  /** Entries that the adapter says it trained. */
  readonly trained: number;
  /** Entries of other bits than the base's. */
  readonly changed: number;
  /** Changed entries that were not trained. */
  readonly strays: number;
  /** Trained entries that are not base + change, rounded to float16. */
  readonly wrong: number;
}

/** Compares the UNets of two model folders in float16; the adapter was trained on the first and baked into the second. */
export async function compareUNets(base: string, exported: string, adapterPath: string): Promise<Comparison> {
  const adapter = await loadAdapter(adapterPath);
  const [before, after] = await Promise.all([openUNet(base), openUNet(exported)]);
  try {
    if (String([...before.tensors.keys()].sort()) !== String([...after.tensors.keys()].sort()))
      throw new Error('the exported UNet has other tensors than its base');
    let [weights, trained, changed, strays, wrong] = [0, 0, 0, 0, 0];
    for (const key of before.tensors.keys()) {
      const [old, now] = [await halves(before, key), await halves(after, key)];
      const expected = old.slice();
      const { shape } = before.tensors.get(key)!;
      const values = halfToFloat32(old);
      const delta = METHODS[adapter.method].delta(adapter, key, tensor(shape, values));
      const isTrained = new Uint8Array(old.length);
      delta?.values.forEach((change, i) => {
        const at = delta.positions ? delta.positions[i]! : i;
        isTrained[at] = 1;
        expected[at] = floatToHalf(Math.fround(values[at]! + change));
      });
      for (let i = 0; i < old.length; i++) {
        const differs = old[i] !== now[i];
        changed += Number(differs);
        strays += Number(differs && isTrained[i] === 0);
        wrong += Number(expected[i] !== now[i]);
      }
      weights += old.length;
      trained += delta?.values.length ?? 0;
    }
    return { weights, trained, changed, strays, wrong };
  } finally {
    await before.close();
    await after.close();
  }
}

const openUNet = (model: string): Promise<SafetensorsFile> =>
  openSafetensors(join(model, 'unet', 'diffusion_pytorch_model.safetensors'));

async function halves(file: SafetensorsFile, key: string): Promise<Uint16Array> {
  const { dtype, data } = await file.read(key);
  if (dtype !== 'float16') throw new Error(`${key} in ${file.path} is ${dtype}, expected float16`);
  return data as Uint16Array;
}

/** Whether two model folders hold the same bits of a component. */
export async function sameComponent(base: string, exported: string, path: string): Promise<boolean> {
  const [before, after] = await Promise.all(
    [base, exported].map((model) => openSafetensors(join(model, path))),
  );
  try {
    for (const key of before!.tensors.keys()) {
      const [old, now] = [await before!.read(key), await after!.read(key)];
      if (old.dtype !== now.dtype) return false;
      const bytes = ({ data }: typeof old) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);
      if (!bytes(old).equals(bytes(now))) return false;
    }
    return before!.tensors.size === after!.tensors.size;
  } finally {
    await before!.close();
    await after!.close();
  }
}
