/** Whole training steps and whole pictures on every device, against the CPU. */
import { describe, expect, it } from 'vitest';
import { noiseSchedule } from '../../src/diffusion/index.js';
import { generate } from '../../src/generate/index.js';
import { StableDiffusion } from '../../src/models/index.js';
import { copyParameters } from '../../src/nn/index.js';
import { AdamWSara } from '../../src/peft/index.js';
import type { Device } from '../../src/runtime/index.js';
import { Random, tensor } from '../../src/tensor/index.js';
import { DiffusionObjective } from '../../src/train/diffusion-objective.js';
import { Stepper } from '../../src/train/stepper.js';
import { expectAllclose } from '../support/allclose.js';
import { testDevices } from '../support/devices.js';

const MODEL = 'test/fixtures/pipeline/sd15';
const devices = await testDevices();

/** Two SaRA steps with rank loss, and a picture of what came out. */
async function trainAndDraw(device: Device) {
  const sd = await StableDiffusion.load(MODEL, { device, threads: 1 });
  const before = copyParameters(sd.unet.parameters);
  const optimizer = new AdamWSara(sd.unet, { threshold: 5e-2, learningRate: 1e-4, progressiveStep: 1 });
  const objective = new DiffusionObjective(sd.unet, noiseSchedule(sd.schedulerConfig));
  const stepper = new Stepper(objective, optimizer, { device, threads: 1 });
  const random = new Random(1, 'batch');
  const latents = tensor([2, 4, 8, 8], random.normal(512));
  const noise = tensor([2, 4, 8, 8], random.normal(512));
  const { encoderHiddenStates: condition } = await sd.encodePrompts(['a fox', 'a house']);
  const batch = { latents, noise, timesteps: Int32Array.of(10, 700), condition };
  const reports = [await stepper.step([batch]), await stepper.step([batch], { maxGradientNorm: 1 })];
  const [picture] = await generate(sd, { prompt: 'a fox', steps: 2, width: 16, height: 16, seed: 1 });
  await stepper.dispose();
  await sd.dispose();
  const moved = [...before].map(([key, { data }]) => {
    const after = sd.unet.parameters.get(key)!.data;
    return data.map((value, i) => after[i]! - value);
  });
  return { reports, moved, picture: picture! };
}

describe.each(devices.filter(({ device }) => device !== 'cpu'))('$device', ({ device, skip }) => {
  it.skipIf(skip !== '')(
    `trains and draws as the CPU does${skip && `: ${skip}`}`,
    async () => {
      const [expected, found] = [await trainAndDraw('cpu'), await trainAndDraw(device)];
      for (const [i, { loss, gradientNorm, losses }] of expected.reports.entries()) {
        const report = found.reports[i]!;
        expectAllclose(
          [report.loss, report.gradientNorm, report.losses.rank!],
          [loss, gradientNorm, losses.rank!],
          { rtol: 1e-3, reason: 'the software driver rounds transcendental functions coarsely' },
        );
      }
      const movements = found.moved.map((values, i) =>
        values.map((value, k) => Math.abs(value - expected.moved[i]![k]!)),
      );
      const all = movements.flatMap((values) => [...values]);
      // Adam turns rounding into movement where a gradient is near zero: by at most the two steps' rates, in few entries.
      expect(all.filter((value) => value > 1e-5).length).toBeLessThan(0.01 * all.length);
      expectAllclose(found.picture.data, expected.picture.data, { rtol: 0, atol: 2, reason: 'bytes of 255' });
    },
    180_000,
  );
});
