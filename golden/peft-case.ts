/** What the golden cases of methods that choose entries have in common: the base UNet, AdamW's numbers, batches, steps. */
import { join } from 'node:path';
import type { SavableNetwork, UNetConfig } from '../src/models/index.js';
import type { Optimizer, StepOptions } from '../src/peft/index.js';
import { Stepper, type StepResult } from '../src/train/stepper.js';
import { GoldenTensors, readDescription } from './case.js';
import type { Bounds, Check } from './check.js';
import { DATA, loadBase } from './sara.js';
import { type TargetBatch, TargetObjective } from './target-objective.js';

interface Common {
  /** Its path in the golden folder, and that of the model it starts from. */
  case: string;
  base: string;
  /** In words, such as `AdamW lr 0.001 … weight_decay 1e-2`. */
  optimizer: string;
  bounds: Record<string, Bounds>;
}

export interface PeftCase<Description> {
  readonly description: Description & Common;
  readonly golden: GoldenTensors;
  readonly unet: SavableNetwork<UNetConfig>;
  /** Of the UNet's weights, in its order. */
  readonly keys: readonly string[];
}

export async function openPeftCase<Description>(folder: string): Promise<PeftCase<Description>> {
  const description = await readDescription<Description & Common>(folder);
  const root = description.case.split('/').map(() => '..');
  const unet = await loadBase(join(folder, ...root, description.base));
  const golden = await GoldenTensors.read(folder, DATA);
  return { description, golden, unet, keys: [...unet.parameters.keys()] };
}

/** The number after a word of the description, such as `lr`. */
export function numberAfter(word: string, text: string): number {
  return Number(new RegExp(`${word} (-?[\\d.]+(?:e-?\\d+)?)`).exec(text)![1]);
}

/** AdamW's options as a case tells them. */
export function adamwOptions({ optimizer }: Common): { learningRate: number; weightDecay: number } {
  return { learningRate: numberAfter('lr', optimizer), weightDecay: numberAfter('weight_decay', optimizer) };
}

/** A step on each of the batches. */
export async function stepsOn(
  { unet }: Pick<PeftCase<unknown>, 'unet'>,
  optimizer: Optimizer,
  batches: readonly TargetBatch[],
  options?: StepOptions,
): Promise<StepResult[]> {
  const stepper = new Stepper(new TargetObjective(unet), optimizer);
  const results: StepResult[] = [];
  for (const batch of batches) results.push(await stepper.step([batch], options));
  await stepper.dispose();
  return results;
}

/** Numbers one by one, each relative to what is expected. */
export function seriesCheck(
  quantity: string,
  actual: readonly number[],
  expected: readonly number[],
  tolerance = 1e-5,
): Check {
  const errors = expected.map((want, i) => Math.abs(actual[i]! - want) / Math.abs(want));
  const error = actual.length === expected.length ? Math.max(...errors) : Number.POSITIVE_INFINITY;
  return { quantity, error, tolerance };
}

export const lossOf = ({ loss }: StepResult): number => loss;
