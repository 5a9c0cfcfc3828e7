/** The golden cases sara/steps/*: twelve steps of SaRA, plain, re-selecting, with the rank loss, with both and clipped. */
import { join } from 'node:path';
import { collectGradients } from '../src/autodiff/index.js';
import {
  AdamWSara,
  type Gradients,
  nuclearNorm,
  type StepOptions,
  type StepReport,
  selectedValues,
  type TrainedTensor,
} from '../src/peft/index.js';
import { sizeOf } from '../src/tensor/index.js';
import { Stepper, type StepResult } from '../src/train/stepper.js';
import { GoldenTensors, readDescription } from './case.js';
import { absMax, type Bounds, boundsChecks, type Check, mismatches, relMax } from './check.js';
import { DATA, loadBase, rankMinSide } from './sara.js';
import { batchesOf, TargetObjective } from './target-objective.js';

interface Setting {
  theta: number;
  lr0: number;
  weight_decay: number;
  lambda_rank: number;
  switch_step: number | null;
  max_norm: number | null;
  bounds: Record<string, Bounds>;
}

/** Rounding may carry this many entries over the threshold when they are selected anew. */
const FLIPS = 5;

export async function runSaraStepsCase(folder: string): Promise<Check[]> {
  const setting = await readDescription<Setting>(folder);
  const golden = await GoldenTensors.read(folder, DATA);
  const common = await GoldenTensors.read(join(folder, '../common'), DATA);
  const unet = await loadBase(join(folder, '../../base'));
  const keys = [...unet.parameters.keys()];
  const drawn = Array.from(common.int32('in.rank_index').data, (index) => keys[index]!);
  const optimizer = new RecordingSara(unet, {
    threshold: setting.theta,
    learningRate: setting.lr0,
    weightDecay: setting.weight_decay,
    lambdaRank: setting.lambda_rank,
    progressiveStep: setting.switch_step ?? undefined,
    rankMinSide: await rankMinSide(join(folder, '../common')),
    rankMatrices: (eligible, step) => [eligible.find(({ key }) => key === drawn[step])!],
  });
  const ofRank = golden.has('out.rank_loss')
    ? await rankChecks(optimizer.tensors.find(({ key }) => key === drawn[0])!, setting, golden)
    : undefined;

  const rates = golden.get('in.lr').data as Float64Array;
  const stepper = new Stepper(new TargetObjective(unet), optimizer);
  const results: StepResult[] = [];
  const trained: number[] = [];
  const values = new Map<string, Float32Array>();
  for (const [step, batch] of batchesOf(common, 'in.target').entries()) {
    trained.push(optimizer.trainedCount);
    const options = { learningRate: rates[step]!, maxGradientNorm: setting.max_norm ?? undefined };
    results.push(await stepper.step([batch], options));
    const name = `out.values.step${String(step + 1).padStart(2, '0')}`;
    if (golden.has(name)) values.set(name, optimizer.values());
  }
  await stepper.dispose();

  return [
    ...numberChecks(results, trained, setting, golden),
    ...valueChecks(values, optimizer, setting, golden),
    ...gradientChecks(optimizer, setting, golden),
    ...(ofRank?.(optimizer.firstGradients) ?? []),
  ];
}

/** SaRA that remembers the first step's gradients of the task. */
class RecordingSara extends AdamWSara {
  firstGradients = new Map<string, Float32Array>();

  override async update(gradients: Gradients, options?: StepOptions): Promise<StepReport> {
    if (this.step > 0) return super.update(gradients, options);
    this.firstGradients = await collectGradients(gradients);
    return super.update(await collectGradients(this.firstGradients), options);
  }

  /** Present values at the positions of the initial mask, tensor by tensor. */
  values(): Float32Array {
    return this.collected(selectedValues);
  }

  /** 1 for each position of the initial mask that still trains. */
  survivors(): Float32Array {
    return this.collected(({ selected, indices }) => {
      const still = new Set(indices);
      return Float32Array.from(selected!, (at) => Number(still.has(at)));
    });
  }

  collected(read: (tensor: TrainedTensor) => Float32Array): Float32Array {
    return Float32Array.from(this.tensors.flatMap((tensor) => Array.from(read(tensor))));
  }
}

function numberChecks(
  results: readonly StepResult[],
  trained: readonly number[],
  { switch_step }: Setting,
  golden: GoldenTensors,
): Check[] {
  const series = (quantity: string, of: (result: StepResult) => number): Check[] =>
    golden.has(quantity)
      ? [{ quantity, error: relativeEach(results.map(of), golden.float32(quantity).data), tolerance: 1e-5 }]
      : [];
  const counts = absMax(trained, golden.int32('out.trained').data);
  return [
    ...series('out.loss', ({ loss }) => loss),
    ...series('out.rank_loss', ({ losses }) => losses.rank!),
    ...series('out.grad_norm', ({ gradientNorm }) => gradientNorm),
    { quantity: 'out.trained', error: counts, tolerance: switch_step === null ? 0 : FLIPS },
  ];
}

function valueChecks(
  values: ReadonlyMap<string, Float32Array>,
  optimizer: RecordingSara,
  { bounds }: Setting,
  golden: GoldenTensors,
): Check[] {
  if (!golden.has('out.survives'))
    return [...values].flatMap(([name, actual]) =>
      boundsChecks(name, actual, golden.float32(name).data, bounds[name]!),
    );
  const survives = golden.get('out.survives').data as Uint8Array;
  const actual = optimizer.survivors();
  const agrees = (_: number, i: number) => actual[i] === survives[i];
  return [
    { quantity: 'out.survives', error: mismatches(actual, survives), tolerance: FLIPS },
    ...[...values].flatMap(([name, found]) =>
      boundsChecks(name, found.filter(agrees), golden.float32(name).data.filter(agrees), bounds[name]!),
    ),
  ];
}

function gradientChecks(optimizer: RecordingSara, { bounds }: Setting, golden: GoldenTensors): Check[] {
  const name = 'grad.task.step01';
  if (!golden.has(name)) return [];
  const found = optimizer.collected(
    (tensor) => optimizer.firstGradients.get(tensor.name) ?? new Float32Array(0),
  );
  return boundsChecks(name, found, golden.float32(name).data, bounds[name]!, 1e-4);
}

/** The polar factor of the first matrix at the base weights and, once its task gradient is known, the sum. */
async function rankChecks(
  matrix: TrainedTensor,
  { lambda_rank, bounds }: Setting,
  golden: GoldenTensors,
): Promise<(task: ReadonlyMap<string, Float32Array>) => Check[]> {
  const { name, shape, selected } = matrix;
  const { gradient } = await nuclearNorm(shape, selected!, selectedValues(matrix));
  const dense = new Float32Array(sizeOf(shape));
  selected!.forEach((at, i) => {
    dense[at] = gradient[i]!;
  });
  const [polar, total] = ['grad.polar.step01', 'grad.total.step01.matrix'];
  return (task) => {
    const sum = task.get(name)!.map((value, i) => value + lambda_rank * gradient[i]!);
    return [
      ...boundsChecks(polar, dense, golden.float32(polar).data, bounds[polar]!, 1e-4),
      { quantity: total, error: relMax(sum, golden.float32(total).data), tolerance: 1e-4 },
    ];
  };
}

/** The largest relative error of single numbers. */
function relativeEach(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  return Math.max(...Array.from(expected, (want, i) => Math.abs(actual[i]! - want) / Math.abs(want)));
}
