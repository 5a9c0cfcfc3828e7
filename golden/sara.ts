/** The golden cases sara/base and sara/steps/common: the small UNet, the order of its weights, and the initial mask. */
import { join } from 'node:path';
import { graphOf, input } from '../src/graph/index.js';
import {
  loadNetwork,
  type SavableNetwork,
  UNET,
  type UNetConfig,
  unet2DCondition,
} from '../src/models/index.js';
import { parameterFeeds, Scope } from '../src/nn/index.js';
import { compile } from '../src/ops/index.js';
import { AdamWSara } from '../src/peft/index.js';
import { type Tensor, tensor } from '../src/tensor/index.js';
import { GoldenTensors, readDescription } from './case.js';
import { absMax, type Check, mismatches } from './check.js';

export const DATA = 'data.safetensors';

/** The UNet of a sara/base folder. */
export function loadBase(folder: string): Promise<SavableNetwork<UNetConfig>> {
  return loadNetwork(folder, 'unet', UNET);
}

export async function runSaraBaseCase(folder: string): Promise<Check[]> {
  const unet = await loadBase(folder);
  const golden = await GoldenTensors.read(folder, DATA);
  const { parameters_order: order } = await readDescription<{ parameters_order: [string, number[]][] }>(
    folder,
  );
  const keys = [...unet.parameters.keys()];
  const sample = (await predict(unet, golden)).data;
  return [
    {
      quantity: 'parameter order',
      error: mismatches(
        keys,
        order.map(([key]) => key),
      ),
      tolerance: 0,
    },
    { quantity: 'out.sample', error: absMax(sample, golden.float32('out.sample').data), tolerance: 2e-5 },
  ];
}

/** The UNet's output on a case's inputs, with its present weights. */
export async function predict(
  unet: SavableNetwork<UNetConfig>,
  golden: GoldenTensors,
): Promise<Tensor<'float32'>> {
  const latents = golden.float32('in.latents');
  const states = golden.float32('in.encoder_hidden_states');
  const timesteps = golden.int32('in.timesteps');
  const sample = unet2DCondition(Scope.of(unet), unet.config, {
    sample: input('latents', latents.shape),
    timestep: input('timesteps', timesteps.shape),
    encoderHiddenStates: input('states', states.shape),
  });
  const session = await compile(graphOf({ sample }));
  const feeds = parameterFeeds(unet)
    .set('latents', latents)
    .set('states', states)
    .set('timesteps', tensor(timesteps.shape, Float32Array.from(timesteps.data)));
  const outputs = await session.run(feeds);
  await session.dispose();
  return outputs.get('sample') as Tensor<'float32'>;
}

interface Common {
  theta: number;
  rank_eligible: number[];
  rank_rule: string;
}

export async function runSaraCommonCase(folder: string): Promise<Check[]> {
  const unet = await loadBase(join(folder, '../../base'));
  const golden = await GoldenTensors.read(folder, DATA);
  const { theta, rank_eligible } = await readDescription<Common>(folder);
  const optimizer = new AdamWSara(unet, { threshold: theta, rankMinSide: await rankMinSide(folder) });
  const selected = optimizer.tensors.map((trained) => trained.selected!);
  const counts = selected.map(({ length }) => length);
  const positions = concatenated(selected);
  const keys = [...unet.parameters.keys()];
  const eligible = optimizer.rankEligible.map(({ key }) => keys.indexOf(key));
  return [
    {
      quantity: 'out.mask.counts',
      error: mismatches(counts, golden.int32('out.mask.counts').data),
      tolerance: 0,
    },
    {
      quantity: 'out.mask.indices',
      error: mismatches(positions, golden.int32('out.mask.indices').data),
      tolerance: 0,
    },
    { quantity: 'matrices of the rank loss', error: mismatches(eligible, rank_eligible), tolerance: 0 },
  ];
}

/** Both sides of a matrix must exceed it to take part in the rank loss; a sara/steps/common folder says it in words. */
export async function rankMinSide(folder: string): Promise<number> {
  const { rank_rule } = await readDescription<Common>(folder);
  return Number(rank_rule.match(/min\(shape\) > (\d+)/)![1]);
}

function concatenated(parts: readonly Int32Array[]): Int32Array {
  const all = new Int32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let start = 0;
  for (const part of parts) {
    all.set(part, start);
    start += part.length;
  }
  return all;
}
