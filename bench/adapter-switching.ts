/** Putting adapters of SaRA on a UNet in memory, scaling, exchanging and removing them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UNET } from '../src/models/index.js';
import { asFloat32, countParameters, type Network } from '../src/nn/index.js';
import {
  type Adapter,
  applyAdapters,
  fingerprint,
  loadAdapter,
  positionsBelow,
  saveAdapter,
} from '../src/peft/index.js';
import { Random, type Tensor, tensorOf } from '../src/tensor/index.js';
import { expectedThreshold, randomNetwork } from './random-weights.js';
import type { Case } from './sizes.js';
import { each, secondsOf } from './timing.js';
import type { Parts, Work } from './works.js';

/** How often what is no step is timed; the median counts. */
const TIMES = 5;

/** A step changes the scale. */
export async function adapterSwitching(of: Case): Promise<Work> {
  const unet = randomNetwork('unet', UNET, of.unet);
  const threshold = expectedThreshold(of.unet, of.trained);
  const parts: Record<string, number> = {};
  const timed = async <T>(name: string, work: () => T | Promise<T>): Promise<T> => {
    let result!: T;
    parts[name] = await secondsOf(async () => {
      result = await work();
    });
    return result;
  };

  const base = await timed('fingerprint', () => fingerprint(unet));
  const folder = await mkdtemp(join(tmpdir(), 'adapters-'));
  const [first, second] = [join(folder, 'first.safetensors'), join(folder, 'second.safetensors')];
  await saveAdapter(first, randomAdapter(unet, threshold, base, 1));
  await saveAdapter(second, randomAdapter(unet, threshold, base, 2));
  const adapter = await timed('read', () => loadAdapter(first));
  const other = await loadAdapter(second);
  await rm(folder, { recursive: true });

  const applied = await timed('apply', () => applyAdapters(unet, [{ adapter }], { fingerprint: base }));
  let scale = 1;
  const rescale = async () => {
    scale = 1.5 - scale;
    applied.setScales([scale]);
  };
  const switched = async (): Promise<Parts> => {
    parts.switch = await median((i) => applied.replace([{ adapter: i % 2 === 0 ? other : adapter }]));
    parts.both = await median(() => applied.replace([{ adapter }, { adapter: other, scale: 0.5 }]));
    applied.replace([{ adapter }]);
    parts.remove = await median(() => applied.remove());
    return parts;
  };
  const facts = {
    parameters: countParameters(unet.parameters),
    trained: [...adapter.tensors.values()].reduce((sum, { data }) => sum + data.length, 0),
  };
  return { facts, times: each(rescale), parts: switched };
}

/** An adapter in float16 of every entry below the threshold. */
function randomAdapter(unet: Network, threshold: number, base: string, seed: number): Adapter {
  const halves = new Uint16Array(new Random(seed, 'changes').integers(1 << 20, 0, 0x7800));
  const tensors = new Map<string, Tensor>();
  for (const [key, weight] of unet.parameters) {
    const count = positionsBelow(asFloat32(weight).data, threshold).length;
    if (count === 0) continue;
    const changes = new Uint16Array(count);
    for (let at = 0; at < count; at += halves.length) changes.set(halves.subarray(0, count - at), at);
    tensors.set(`delta.${key}`, tensorOf('float16', [count], changes));
  }
  return {
    method: 'sara',
    base: { network: unet.name, model: 'random weights', fingerprint: base },
    threshold,
    scale: 2 ** -26,
    prefix: '',
    settings: {},
    tensors,
  };
}

async function median(work: (time: number) => void): Promise<number> {
  const seconds: number[] = [];
  for (let i = 0; i < TIMES; i++) seconds.push(await secondsOf(async () => work(i)));
  return seconds.sort((a, b) => a - b)[Math.floor(TIMES / 2)]!;
}
