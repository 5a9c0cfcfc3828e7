/** The denoising loop: from noise to latents, with classifier-free guidance (Ho & Salimans 2022). */
import type { NoiseSource, Sampler } from '../diffusion/index.js';
import { type Conditioning, stackConditionings } from '../models/index.js';
import { concatenate, type Tensor, tensor } from '../tensor/index.js';

/** The network: latents [N, C, h, w], timesteps [N], conditioning [N, …] → [N, C, h, w]. */
export type Predict = (
  sample: Tensor<'float32'>,
  timesteps: Tensor<'float32'>,
  conditioning: Conditioning,
) => Promise<Tensor<'float32'>>;

/** What is known after one network call. */
export interface DenoiseStep {
  /** Network calls so far, this one included. */
  readonly step: number;
  /** Network calls in all; some samplers make more than steps were asked for. */
  readonly steps: number;
  readonly timestep: number;
  /** The network's raw output; with guidance [2B, C, h, w], negative prompts first. */
  readonly networkOutput: Tensor<'float32'>;
  /** Latents after the step, [B, C, h, w]. */
  readonly latents: Tensor<'float32'>;
  /** The clean latents that the network's output implies: a preview. */
  readonly cleanLatents: Tensor<'float32'>;
}

export interface DenoiseOptions {
  /** Standard normal, [B, C, h, w]; multiplied by what the sampler starts from. */
  readonly noise: Tensor<'float32'>;
  /** Of the prompts, [B, …]. */
  readonly prompt: Conditioning;
  /** Of the negative prompts, [B, …]; without it there is no guidance. */
  readonly negative?: Conditioning | undefined;
  /** s in ε₋ + s (ε₊ − ε₋). */
  readonly guidance: number;
  readonly sampler: Sampler;
  /** The noise that a step adds, [B · C · h · w]. */
  readonly stepNoise?: NoiseSource;
  readonly onStep?: (step: DenoiseStep) => void | Promise<void>;
}

/** Latents [B, C, h, w] of finished pictures, in the scale of the network. */
export async function denoise(predict: Predict, options: DenoiseOptions): Promise<Tensor<'float32'>> {
  const { noise, prompt, negative, guidance, sampler, stepNoise, onStep } = options;
  const { shape } = noise;
  const conditioning = negative ? stackConditionings([negative, prompt]) : prompt;
  const calls = sampler.timesteps.length;
  let latents = noise.data.map((value) => value * sampler.initNoiseSigma);
  for (let i = 0; i < calls; i++) {
    const timestep = sampler.timesteps[i]!;
    const scaled = tensor(shape, sampler.scaleModelInput(latents, i));
    const sample = negative ? concatenate([scaled, scaled]) : scaled;
    const batch = sample.shape[0]!;
    const timesteps = tensor([batch], new Float32Array(batch).fill(timestep));
    const networkOutput = await predict(sample, timesteps, conditioning);
    const output = negative ? guided(networkOutput.data, guidance) : networkOutput.data;
    const { prevSample, predOriginalSample } = sampler.step(output, i, latents, stepNoise);
    latents = Float32Array.from(prevSample);
    await onStep?.({
      step: i + 1,
      steps: calls,
      timestep,
      networkOutput,
      latents: tensor(shape, latents),
      cleanLatents: tensor(shape, predOriginalSample),
    });
  }
  return tensor(shape, latents);
}

/** ε₋ + s (ε₊ − ε₋) from the outputs for negative prompts, then prompts. */
function guided(outputs: Float32Array, guidance: number): Float32Array {
  const half = outputs.length / 2;
  return outputs.slice(0, half).map((negative, i) => negative + guidance * (outputs[half + i]! - negative));
}
