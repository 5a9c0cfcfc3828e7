/** The plainest objective: mean((unet(latents, timesteps, states) − target)²) with everything given. */
import { input } from '../src/graph/index.js';
import { type UNetConfig, unet2DCondition } from '../src/models/index.js';
import { type Network, Scope, type ScopeOptions } from '../src/nn/index.js';
import { mul, reduceMean, sub } from '../src/ops/index.js';
import { type Tensor, tensor } from '../src/tensor/index.js';
import { type LossGraph, type Objective, readBy } from '../src/train/objective.js';
import { elementAt, type GoldenTensors } from './case.js';

export interface TargetBatch {
  readonly latents: Tensor;
  readonly timesteps: Tensor;
  readonly states: Tensor;
  readonly target: Tensor;
}

export class TargetObjective implements Objective<TargetBatch> {
  readonly networks: readonly Network[];

  constructor(private readonly unet: Network<UNetConfig>) {
    this.networks = [unet];
  }

  size({ latents }: TargetBatch): number {
    return latents.shape[0]!;
  }

  signature({ latents, states }: TargetBatch): string {
    return `${latents.shape} ${states.shape}`;
  }

  build({ latents, states, target }: TargetBatch, options?: ScopeOptions): LossGraph {
    const scope = Scope.of(this.unet, options);
    const prediction = unet2DCondition(scope, this.unet.config, {
      sample: input('latents', latents.shape),
      timestep: input('timesteps', [latents.shape[0]!]),
      encoderHiddenStates: input('states', states.shape),
    });
    const difference = sub(prediction, input('target', target.shape));
    return { outputs: { loss: reduceMean(mul(difference, difference)), prediction }, ...readBy(scope) };
  }

  feeds({ latents, timesteps, states, target }: TargetBatch): Map<string, Tensor> {
    return new Map<string, Tensor>([
      ['latents', latents],
      ['timesteps', tensor(timesteps.shape, Float32Array.from(timesteps.data as Int32Array))],
      ['states', states],
      ['target', target],
    ]);
  }
}

/** The batches of a case whose inputs have one element for each step; `target` names what is to be predicted. */
export function batchesOf(golden: GoldenTensors, target: string): TargetBatch[] {
  const latents = golden.get('in.latents');
  return Array.from({ length: latents.shape[0]! }, (_, step) => ({
    latents: elementAt(latents, step),
    timesteps: elementAt(golden.get('in.timesteps'), step),
    states: elementAt(golden.get('in.encoder_hidden_states'), step),
    target: elementAt(golden.get(target), step),
  }));
}
