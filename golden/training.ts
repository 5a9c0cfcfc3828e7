/** The golden cases training/sd15-step, sd2-v-step, sdxl-step and sd15-adamw: the objective end to end, and five AdamW steps. */
import { join } from 'node:path';
import { collectGradients, compileLoss } from '../src/autodiff/index.js';
import { noiseSchedule } from '../src/diffusion/index.js';
import { loadNetwork, StableDiffusion, UNET } from '../src/models/index.js';
import { parameterFeeds } from '../src/nn/index.js';
import { AdamW } from '../src/peft/index.js';
import { type Tensor, tensor } from '../src/tensor/index.js';
import { DiffusionObjective } from '../src/train/diffusion-objective.js';
import { cosineSchedule } from '../src/train/schedule.js';
import { Stepper } from '../src/train/stepper.js';
import { GoldenTensors, readDescription } from './case.js';
import type { Check } from './check.js';
import { gradientChecks } from './gradients.js';
import { batchesOf, TargetObjective } from './target-objective.js';

interface Description {
  /** Folder of the model, relative to the case's. */
  model: string;
  captions: string[];
}

export async function runTrainingStepCase(folder: string): Promise<Check[]> {
  const { model, captions } = await readDescription<Description>(folder);
  const golden = await GoldenTensors.read(folder);
  const sd = await StableDiffusion.load(join(folder, model));
  try {
    const { encoderHiddenStates, pooled } = await sd.encodePrompts(captions);
    const inputs = {
      latents: await sd.encodeImages(golden.float32('in.pixel_values'), golden.float32('in.vae_noise')),
      condition: encoderHiddenStates,
      pooled,
      timeIds: pooled && golden.float32('in.time_ids'),
      noise: golden.float32('in.noise'),
      timesteps: golden.int32('in.timesteps').data,
    };
    const plain = await lossAndGradients(sd, inputs);
    const weighted = await lossAndGradients(sd, inputs, 5);
    const schedule = noiseSchedule(sd.schedulerConfig);
    const { latents, noise, timesteps } = inputs;
    const noisy = schedule.addNoise(latents.data, noise.data, timesteps);
    const target = schedule.target(latents.data, noise.data, timesteps);
    return [
      ...golden.compare(
        {
          'in.input_ids': sd.tokenize(captions),
          'in.input_ids_2': sd.textEncoders.length > 1 ? sd.tokenize(captions, 1) : undefined,
        },
        0,
      ),
      ...golden.compare(
        {
          'out.latents': latents,
          'out.encoder_hidden_states': encoderHiddenStates,
          'out.text_embeds': pooled,
          'out.noisy_latents': tensor(latents.shape, noisy),
          'out.target': tensor(latents.shape, target),
          'out.model_pred': plain.outputs.get('prediction'),
        },
        2e-5,
      ),
      ...golden.compare(
        { loss: plain.outputs.get('loss'), 'out.loss_min_snr_5': weighted.outputs.get('loss') },
        1e-5,
      ),
      ...(await gradientChecks(folder, golden.all, plain.gradients, { each: 1e-3, all: 1e-4 })),
    ];
  } finally {
    await sd.dispose();
  }
}

/** Loss, prediction and the gradient of every weight of the UNet by its key. */
async function lossAndGradients(
  sd: StableDiffusion,
  batch: Parameters<DiffusionObjective['feeds']>[0],
  minSnrGamma?: number,
) {
  const objective = new DiffusionObjective(sd.unet, noiseSchedule(sd.schedulerConfig), { minSnrGamma });
  const { outputs, weights } = objective.build(batch);
  const prefix = `${sd.unet.name}.`;
  const requests = new Map([...weights].map(([name, of]) => [name.slice(prefix.length), { of }]));
  const program = await compileLoss(outputs, requests);
  const { outputs: found, gradients } = await program.run(
    new Map<string, Tensor>([...parameterFeeds(sd.unet), ...objective.feeds(batch)]),
  );
  const result = { outputs: found, gradients: await collectGradients(gradients) };
  await program.dispose();
  return result;
}

/** The case's constants, which its description gives in words. */
const RATE = 1e-3;
const SHARE_BOUND = 1e-5;

export async function runTrainingAdamWCase(folder: string): Promise<Check[]> {
  const { model } = await readDescription<Description>(folder);
  const golden = await GoldenTensors.read(folder);
  const unet = await loadNetwork(join(folder, model), 'unet', UNET);
  const final = await loadNetwork(join(folder, 'final'), 'unet', UNET);
  const stored = await GoldenTensors.read(folder);
  const schedule = noiseSchedule({ beta_schedule: 'scaled_linear', beta_start: 0.00085, beta_end: 0.012 });
  const stepper = new Stepper(new TargetObjective(unet), new AdamW(unet, { learningRate: RATE }));
  const batches = batchesOf(stored, 'in.noise');
  const rate = cosineSchedule(batches.length);
  const losses: number[] = [];
  const norms: number[] = [];
  const rates: number[] = [];
  for (const [step, { latents, timesteps, states, target }] of batches.entries()) {
    const noisy = schedule.addNoise(
      latents.data as Float32Array,
      target.data as Float32Array,
      timesteps.data as Int32Array,
    );
    const batch = { latents: tensor(latents.shape, noisy), timesteps, states, target };
    const learningRate = RATE * rate(step);
    const result = await stepper.step([batch], { learningRate });
    losses.push(result.loss);
    norms.push(result.gradientNorm);
    rates.push(learningRate);
  }
  await stepper.dispose();

  const differences = [...final.parameters].flatMap(([key, { data }]) => {
    const found = unet.parameters.get(key)!.data;
    return Array.from(data, (value, i) => Math.abs(found[i]! - value));
  });
  const beyond = differences.filter((difference) => !(difference <= SHARE_BOUND)).length;
  const series = (values: number[]) => tensor([values.length], Float32Array.from(values));
  return [
    ...golden.compare(
      {
        'out.losses': series(losses),
        'out.learning_rates': series(rates),
        'out.gradient_norms': series(norms),
      },
      1e-5,
    ),
    {
      quantity: `share of final weights beyond ${SHARE_BOUND}`,
      error: beyond / differences.length,
      tolerance: 1e-3,
    },
    {
      quantity: 'final weights, all',
      error: differences.reduce((worst, difference) => Math.max(worst, difference), 0),
      tolerance: rates.reduce((sum, value) => sum + value, 0),
    },
  ];
}
