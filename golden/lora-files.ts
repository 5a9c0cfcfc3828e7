/** Files of the golden cases peft/lora and peft/dora: written to the bit, and read to the adapter that they were made of. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSafetensors } from '../src/formats/index.js';
import { importAdapter, saveLora } from '../src/interop/index.js';
import type { SavableNetwork, UNetConfig } from '../src/models/index.js';
import { AdaptedWeights, type Adapter, networkSource } from '../src/peft/index.js';
import { type Tensor, toFloat32 } from '../src/tensor/index.js';
import { type Check, relMax } from './check.js';

/** Where a case keeps what each program reads: what is named, and the tensors in it. */
const FILES = {
  kohya: ['kohya.safetensors', ''],
  diffusers: ['diffusers/pytorch_lora_weights.safetensors', ''],
  peft: ['peft', 'adapter_model.safetensors'],
} as const;

export async function fileChecks(
  folder: string,
  unet: SavableNetwork<UNetConfig>,
  adapter: Adapter,
): Promise<Check[]> {
  const weights = await AdaptedWeights.open(networkSource(unet), [{ adapter }]);
  const layers = (await weights.factors())!.map(({ a, b, ...rest }) => ({ ...rest, down: a, up: b }));
  const temporary = await mkdtemp(join(tmpdir(), 'sara-golden-'));
  const checks: Check[] = [];
  try {
    for (const [names, [path, inside]] of Object.entries(FILES) as [keyof typeof FILES, [string, string]][]) {
      const written = join(temporary, names === 'peft' ? 'peft' : `${names}.safetensors`);
      await saveLora(written, { layers }, { config: unet.config }, names);
      const [ours, theirs] = [written, join(folder, path)].map((place) => join(place, inside));
      const found = (await readSafetensors(ours!)).tensors;
      const expected = (await readSafetensors(theirs!)).tensors;
      checks.push(...compared(`${path} written`, found, expected));
      const imported = (await importAdapter(join(folder, path), unet, { dtype: 'float32' })).adapter;
      checks.push(...compared(`${path} read`, imported.tensors, adapter.tensors));
    }
  } finally {
    await rm(temporary, { recursive: true });
  }
  return checks;
}

/** What two programs compute from norms, each rounding in its own order. */
const COMPUTED = /dora_scale$|lora_magnitude_vector$/;
const ROUNDING = 1e-6;

function compared(
  quantity: string,
  found: ReadonlyMap<string, Tensor>,
  expected: ReadonlyMap<string, Tensor>,
): Check[] {
  const names = [...new Set([...found.keys(), ...expected.keys()])];
  const errors = names.map((name) => {
    const [ours, theirs] = [found.get(name), expected.get(name)];
    if (!ours || !theirs || String(ours.shape) !== String(theirs.shape)) return Number.POSITIVE_INFINITY;
    const error = relMax(toFloat32(ours), toFloat32(theirs));
    return COMPUTED.test(name) && error <= ROUNDING ? 0 : error;
  });
  return [{ quantity, error: Math.max(...errors), tolerance: 0 }];
}
