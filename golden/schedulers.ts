/**
 * The golden cases schedulers/*: training tables, and whole trajectories of the samplers with a formula for the network,
 * model(x, t) = 0.3 x + 0.1 sin(3 x) + 0.01 t / 1000.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  createSampler,
  type NoiseSource,
  noiseSchedule,
  parseSchedulerConfig,
  type Sampler,
  type SamplerOptions,
  type SchedulerConfig,
} from '../src/diffusion/index.js';
import { InputError } from '../src/errors.js';
import { readSafetensors } from '../src/formats/safetensors.js';
import { toFloat32 } from '../src/tensor/index.js';
import { type Check, relMax } from './check.js';

type Tensors = (name: string) => Float32Array | undefined;

/** Computes everything a case folder holds and compares. */
export async function runSchedulerCase(folder: string): Promise<Check[]> {
  const config = parseSchedulerConfig(await readFile(join(folder, 'scheduler_config.json'), 'utf8'));
  const { what } = JSON.parse(await readFile(join(folder, 'case.json'), 'utf8')) as { what: string };
  const { tensors } = await readSafetensors(join(folder, 'io.safetensors'));
  const io = new Map([...tensors].map(([name, tensor]) => [name, toFloat32(tensor)]));

  const runs = new Set([...io.keys()].flatMap((name) => name.match(/^n(\d+)\./)?.[1] ?? []));
  if (runs.size === 0) return trainingChecks(config, (name) => io.get(name));
  const eta = what.match(/eta = (\d+(\.\d+)?)/)?.[1];
  const options = eta === undefined ? {} : { eta: Number(eta) };
  return [...runs].flatMap((steps) => {
    const checks = trajectoryChecks(config, Number(steps), options, (name) => io.get(`n${steps}.${name}`));
    return checks.map((check) => ({ ...check, quantity: `n${steps}.${check.quantity}` }));
  });
}

function required(tensors: Tensors, name: string): Float32Array {
  const values = tensors(name);
  if (!values) throw new InputError(`io.safetensors has no ${name}; make the golden case again.`);
  return values;
}

/** The tables of all timesteps, and noising, the v target and the SNR of some. */
function trainingChecks(config: SchedulerConfig, tensors: Tensors): Check[] {
  const schedule = noiseSchedule(config);
  const sample = required(tensors, 'in.sample');
  const noise = required(tensors, 'in.noise');
  const timesteps = required(tensors, 'in.timesteps');
  const compare = (quantity: string, actual: Float32Array, tolerance = 1e-5): Check => ({
    quantity,
    error: relMax(actual, required(tensors, quantity)),
    tolerance,
  });
  return [
    compare('out.betas', schedule.betas),
    // The largest ᾱ is about 1, so for a zero-terminal table this is the absolute error that its README asks for.
    compare('out.alphas_cumprod', schedule.alphasCumprod, config.rescale_betas_zero_snr ? 1e-6 : 1e-5),
    compare('out.noisy', schedule.addNoise(sample, noise, timesteps)),
    compare('out.velocity', schedule.velocity(sample, noise, timesteps)),
    compare('out.snr', schedule.snr(timesteps)),
  ];
}

/** The golden network. */
function network(input: Float32Array, timestep: number): Float32Array {
  return Float32Array.from(input, (x) => 0.3 * x + 0.1 * Math.sin(3 * x) + (0.01 * timestep) / 1000);
}

interface Trajectory {
  /** The latent after each call. */
  latents: Float32Array[];
  inputs: Float32Array[];
  outputs: Float32Array[];
  /** The predicted x₀ of each call. */
  clean: Float32Array[];
}

/** Runs a sampler under the golden network; `latentAt` gives the latent of call i, from the one the call before made. */
function runSampler(
  sampler: Sampler,
  noise: NoiseSource,
  latentAt: (i: number, previous: Float32Array | undefined) => Float32Array,
): Trajectory {
  const run: Trajectory = { latents: [], inputs: [], outputs: [], clean: [] };
  sampler.timesteps.forEach((timestep, i) => {
    const latent = latentAt(i, run.latents.at(-1));
    const input = sampler.scaleModelInput(latent, i);
    const output = network(input, timestep);
    const { prevSample, predOriginalSample } = sampler.step(output, i, latent, noise);
    run.latents.push(prevSample);
    run.inputs.push(input);
    run.outputs.push(output);
    run.clean.push(predOriginalSample);
  });
  return run;
}

/**
 * Two runs: a free one from the stored first noise, and a guided one that starts every call from the stored latent. The free
 * run shows the whole; the guided one shows each call by itself, so that the rounding of a start at σ = 4096, where float32
 * keeps three digits of what follows, neither hides an error nor counts as one.
 */
function trajectoryChecks(
  config: SchedulerConfig,
  steps: number,
  options: SamplerOptions,
  tensors: Tensors,
): Check[] {
  const sampler = createSampler(config, steps, options);
  const start = required(tensors, 'in.noise_start').map((x) => x * sampler.initNoiseSigma);
  const stored = rowsOf(required(tensors, 'out.latents'), start.length);
  const noises = rowsOf(tensors('in.noise') ?? new Float32Array(), start.length);
  const noise: NoiseSource = (i) => noises[i]!;

  const free = runSampler(sampler, noise, (_, previous) => previous ?? start);
  const guided = runSampler(createSampler(config, steps, options), noise, (i) => stored[i]!);
  const stepErrors = guided.latents.map((latent, i) =>
    relMax([...stored[i]!, ...latent], [...stored[i]!, ...(stored[i + 1] ?? [])]),
  );

  const whole = required(tensors, 'timesteps').every((t) => Number.isInteger(t));
  const compare = (quantity: string, actual: ArrayLike<number>, tolerance = 2e-5): Check[] => {
    const expected = tensors(quantity);
    return expected ? [{ quantity, error: relMax(actual, expected), tolerance }] : [];
  };
  return [
    ...compare('timesteps', sampler.timesteps, whole ? 0 : 2e-5),
    ...compare('init_noise_sigma', [sampler.initNoiseSigma]),
    ...compare('sigmas', sampler.sigmas ?? []),
    ...compare('out.latents', concatenate([start, ...free.latents])),
    { quantity: 'out.latents, step by step', error: Math.max(...stepErrors), tolerance: 2e-5 },
    ...compare('out.model_inputs', concatenate(guided.inputs)),
    ...compare('out.model_outputs', concatenate(guided.outputs)),
    ...compare('out.pred_original_sample', concatenate(guided.clean)),
  ];
}

function rowsOf(values: Float32Array, width: number): Float32Array[] {
  return Array.from({ length: values.length / width }, (_, i) => values.subarray(i * width, (i + 1) * width));
}

function concatenate(rows: readonly Float32Array[]): Float32Array {
  return Float32Array.from(rows.flatMap((row) => [...row]));
}
