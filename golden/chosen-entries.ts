/** The golden cases peft/full, peft/largest and peft/random: steps of AdamW on all entries, or on some. */
import { collectGradients } from '../src/autodiff/index.js';
import { float32Array } from '../src/nn/index.js';
import { ChosenEntries } from '../src/peft/chosen-entries.js';
import {
  AdamW,
  createOptimizer,
  type Gradients,
  type Optimizer,
  type StepOptions,
  type StepReport,
  selectedValues,
} from '../src/peft/index.js';
import { boundsChecks, type Check } from './check.js';
import { maskOf, readMask, sameMask } from './masks.js';
import { adamwOptions, lossOf, openPeftCase, type PeftCase, seriesCheck, stepsOn } from './peft-case.js';
import { concatenated, summaryChecks } from './summary.js';
import { batchesOf } from './target-objective.js';

interface Description {
  K: number;
  losses: number[];
}

/** Gradients and weights count as equal within this share of themselves. */
const RTOL = 1e-4;

export async function runFullCase(folder: string): Promise<Check[]> {
  const opened = await openPeftCase<Description>(folder);
  const { description, golden, unet, keys } = opened;
  const optimizer = new RecordingAdamW(unet, adamwOptions(description));
  const results = await stepsOn(opened, optimizer, batchesOf(golden, 'in.target'));
  const gradients = keys.map((key) => [key, optimizer.first.get(`unet.${key}`)!] as const);
  const weights = keys.map((key) => [key, float32Array(unet, key)] as const);
  const { bounds } = description;
  return [
    seriesCheck('losses', results.map(lossOf), description.losses),
    ...summaryChecks('grad', new Map(gradients), golden, { bounds: bounds['grad.*']!, rtol: RTOL }),
    ...summaryChecks('out.weights', new Map(weights), golden, { bounds: bounds['out.weights.*']! }),
  ];
}

/** AdamW that remembers the first step's gradients. */
class RecordingAdamW extends AdamW {
  first: ReadonlyMap<string, Float32Array> = new Map();

  override async update(gradients: Gradients, options?: StepOptions): Promise<StepReport> {
    if (this.step > 0) return super.update(gradients, options);
    this.first = await collectGradients(gradients);
    return super.update(this.first, options);
  }
}

export async function runLargestCase(folder: string): Promise<Check[]> {
  const opened = await openPeftCase<Description>(folder);
  const { description, golden, unet, keys } = opened;
  const options = { ...adamwOptions(description), targetParameters: description.K };
  const optimizer = createOptimizer('largest', unet, options);
  const mask = sameMask('out.mask', maskOf(optimizer.tensors), readMask(golden, 'out.mask', keys));
  return [mask, ...(await trainingChecks(opened, optimizer))];
}

/** The entries are given; those that the method itself draws can only be counted. */
export async function runRandomCase(folder: string): Promise<Check[]> {
  const opened = await openPeftCase<Description>(folder);
  const { description, golden, unet, keys } = opened;
  const options = adamwOptions(description);
  const { trainedCount } = createOptimizer('random', unet, { targetParameters: description.K });
  const count = { quantity: 'entries drawn', error: Math.abs(trainedCount - description.K), tolerance: 0 };
  const optimizer = new ChosenEntries('random', unet, options, readMask(golden, 'in.mask', keys));
  return [count, ...(await trainingChecks(opened, optimizer))];
}

/** Steps on the case's batches: each loss, and the values that trained. */
export async function trainingChecks(opened: PeftCase<Description>, optimizer: Optimizer): Promise<Check[]> {
  const { description, golden } = opened;
  const results = await stepsOn(opened, optimizer, batchesOf(golden, 'in.target'));
  return [
    seriesCheck('losses', results.map(lossOf), description.losses),
    ...boundsChecks(
      'out.values',
      valuesOf(optimizer),
      golden.float32('out.values').data,
      description.bounds['out.values']!,
    ),
  ];
}

/** The present values of what trains, weight by weight. */
export function valuesOf(optimizer: Optimizer): Float32Array {
  return concatenated((optimizer as AdamW).tensors.map(selectedValues));
}
