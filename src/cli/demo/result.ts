/** What came out of the demonstration, and the report that tells it. */

import {
  type Block,
  type CurvePoint,
  compareEstimates,
  type LossComparison,
  type Report,
} from '../../report/index.js';
import type { TrainConfig } from '../../train/index.js';
import { kebab } from '../../train/settings.js';
import { bytes, duration, percent, thousands } from '../text.js';
import type { DemoConfig } from './config.js';
import { DRAWS, type Look } from './look.js';
import type { Scene } from './scene.js';

export interface DemoNumbers {
  readonly losses: readonly LossComparison[];
  /** Weights that the adapter changes, of all that the network has. */
  readonly trained: number;
  readonly total: number;
  readonly threshold: number | undefined;
  readonly adapterBytes: number;
  readonly modelBytes: number;
  /** Of all training steps, also those before an interruption. */
  readonly trainingSeconds: number;
  /** Of this call, from start to end. */
  readonly seconds: number;
  readonly peakMemoryBytes: number;
}

export function blocksOf(scene: Scene, before: Look, after: Look): Block[] {
  let next = 0;
  return scene.blocks.map(({ title, note, shots }) => {
    const comparisons = shots.map((shot) => {
      const i = next++;
      return { ...shot, before: before.images[i]!, after: after.images[i]! };
    });
    return { title, note, comparisons };
  });
}

export function lossesOf(scene: Scene, before: Look, after: Look): LossComparison[] {
  return scene.sets.map(({ name, samples }, i) => {
    return { set: name, pictures: samples.length, ...compareEstimates(before.losses[i]!, after.losses[i]!) };
  });
}

export function reportOf(outcome: {
  config: DemoConfig;
  training: TrainConfig;
  /** The adapter's file. */
  adapter: string;
  blocks: readonly Block[];
  curve: readonly CurvePoint[];
  numbers: DemoNumbers;
}): Report {
  const { config, training, adapter, blocks, curve, numbers } = outcome;
  const { trained, total, threshold, adapterBytes, modelBytes, losses } = numbers;
  const share = `${thousands(trained)} of ${thousands(total)} weights (${percent(trained / total)})`;
  const prompt =
    blocks.find(({ title }) => title === 'Never shown')?.comparisons[0]?.prompt ??
    blocks[0]!.comparisons[0]!.prompt;
  const generate = (use: string, out: string) =>
    commandLine('npx sara generate', {
      model: config.model,
      adapter: use,
      prompt,
      steps: config.sampleSteps,
      guidance: config.guidance,
      seed: config.seed,
      out,
    });
  return {
    title: 'A model before and after SaRA',
    lead: `SaRA trained ${share} of ${config.model} on the pictures of ${config.data} for ${config.steps} steps, in ${duration(numbers.trainingSeconds)}. What it learned is an adapter file of ${bytes(adapterBytes)}; the model has ${bytes(modelBytes)}. Every pair of pictures below comes from the same prompt and the same noise.`,
    blocks,
    losses,
    lossNote: `Mean squared error of the denoising network at ${DRAWS} noise levels a picture, with the same noise before and after; lower is better. ± is the standard error over pictures; the change is taken picture by picture, so it is known better than the losses. For the old styles, no change is what we want.`,
    curve,
    commands: [
      { note: 'Draw with the adapter:', command: generate(adapter, 'picture.png') },
      {
        note: 'A number after the file says how strongly it applies:',
        command: generate(`${adapter}:0.5`, 'half.png'),
      },
      {
        note: 'See what is in the file:',
        command: `npx sara inspect ${quoted(adapter)}`,
      },
    ],
    facts: [
      ['trained weights', share],
      ...(threshold === undefined ? [] : [['chosen as', `|w| < ${threshold.toPrecision(3)}`] as const]),
      ['adapter file', `${bytes(adapterBytes)} (${adapter})`],
      ['model', `${bytes(modelBytes)} (${config.model})`],
      [
        'training',
        `${duration(numbers.trainingSeconds)} for ${config.steps} steps of ${config.batch} pictures`,
      ],
      ['in all', `${duration(numbers.seconds)} with the pictures and losses before and after`],
      ['peak memory', bytes(numbers.peakMemoryBytes)],
    ],
    settings: Object.entries(training)
      .filter(([name, value]) => value !== undefined && name !== 'overwrite' && String(value) !== '')
      .map(([name, value]) => [kebab(name), String(value)]),
  };
}

function commandLine(command: string, flags: Readonly<Record<string, string | number>>): string {
  const written = Object.entries(flags).map(([name, value]) => `--${kebab(name)} ${quoted(String(value))}`);
  return [command, ...written].join(' ');
}

/** As a POSIX shell takes it for one word. */
function quoted(word: string): string {
  if (/^[\w./:@%+=,-]+$/.test(word)) return word;
  return `"${word.replace(/["$`\\]/g, '\\$&')}"`;
}
