/** The golden cases peft/lora, peft/dora and peft/adaptformer: training what a method adds to the small UNet. */
import { join } from 'node:path';
import { collectGradients, compileLoss } from '../src/autodiff/index.js';
import type { SavableNetwork, UNetConfig } from '../src/models/index.js';
import { parameterFeeds } from '../src/nn/index.js';
import {
  type AdamW,
  AdaptedWeights,
  type Adapter,
  createOptimizer,
  type MethodOptions,
  networkSource,
} from '../src/peft/index.js';
import { type Tensor, tensor, toFloat32 } from '../src/tensor/index.js';
import { Stepper } from '../src/train/stepper.js';
import { GoldenTensors, readDescription } from './case.js';
import { absMax, type Bounds, boundsChecks, type Check, relMax } from './check.js';
import { fileChecks } from './lora-files.js';
import { DATA, loadBase } from './sara.js';
import { batchesOf, type TargetBatch, TargetObjective } from './target-objective.js';

const SAMPLES = 5e-5;

interface Description {
  readonly optimizer: string;
  readonly bounds: Readonly<Record<string, Bounds>>;
  readonly losses?: readonly number[];
  readonly adapter_parameters: number;
}

interface FactorsDescription extends Description {
  readonly r: number;
  readonly alpha: number;
  readonly target_modules: readonly string[];
  readonly merged_order: readonly string[];
}

/** Names of parameters in a case, by their ends in training. */
const LETTERS: readonly (readonly [string, string])[] = [
  ['.lora_A.weight', '.A'],
  ['.lora_B.weight', '.B'],
  ['.lora_magnitude_vector', '.m'],
];

function letterOf(key: string): string {
  const [end, letter] = LETTERS.find(([ending]) => key.endsWith(ending))!;
  return key.slice(0, -end.length) + letter;
}

export async function runFactorsCase(folder: string, method: 'lora' | 'dora'): Promise<Check[]> {
  const description = await readDescription<FactorsDescription>(folder);
  const { r: rank, alpha, target_modules: targetModules } = description;
  const run = await Run.start(folder, description, method, { rank, alpha, targetModules }, letterOf);
  const { checks, adapter, unet } = await run.train();
  const merged = await mergedChecks(description, run.golden, unet, adapter);
  return [...checks, ...merged, ...(await fileChecks(folder, unet, adapter))];
}

export async function runAdaptFormerCase(folder: string): Promise<Check[]> {
  const description = await readDescription<Description & { width: number }>(folder);
  const { width } = description;
  const run = await Run.start(folder, description, 'adaptformer', { width }, (key) => key);
  const dropped = await run.gradients(run.batches[0]!, 'in.keep.');
  const [stored] = run.golden.float32('out.dropout.loss').data;
  const ofDropout = [
    { quantity: 'out.dropout.loss', error: Math.abs(dropped.loss / stored! - 1), tolerance: 1e-5 },
    ...run.gradientChecks('grad.dropout.', dropped.gradients),
  ];
  const { checks } = await run.train();
  return [...ofDropout, ...checks];
}

/** One case while it is computed. */
class Run {
  private constructor(
    readonly golden: GoldenTensors,
    readonly batches: readonly TargetBatch[],
    private readonly description: Description,
    private readonly unet: SavableNetwork<UNetConfig>,
    private readonly optimizer: AdamW,
    private readonly nameOf: (key: string) => string,
  ) {}

  /** With the case's own parameters at the start. */
  static async start(
    folder: string,
    description: Description,
    method: string,
    options: MethodOptions,
    nameOf: (key: string) => string,
  ): Promise<Run> {
    const golden = await GoldenTensors.read(folder, DATA);
    const unet = await loadBase(join(folder, baseOf(folder)));
    const all = { ...options, ...adamwOptions(description.optimizer) };
    const optimizer = createOptimizer(method, unet, all) as AdamW;
    for (const { key, values } of optimizer.tensors) values.set(golden.float32(`in.${nameOf(key)}`).data);
    return new Run(golden, batchesOf(golden, 'in.target'), description, unet, optimizer, nameOf);
  }

  /** The loss of a batch and its gradients, without dropout or with masks whose names begin so. */
  async gradients(batch: TargetBatch, masks?: string) {
    const objective = new TargetObjective(this.unet);
    const { outputs, weights, draws } = objective.build(batch, { training: masks !== undefined });
    const program = await compileLoss(outputs, this.optimizer.requests(weights));
    const feeds = new Map<string, Tensor>([...parameterFeeds(this.unet), ...objective.feeds(batch)]);
    for (const name of draws.keys()) {
      const path = name.slice(name.indexOf('adaptformer.') + 'adaptformer.'.length);
      const { shape, data } = this.golden.get(masks + path);
      feeds.set(name, tensor(shape, Float32Array.from(data as Uint8Array)));
    }
    const result = await program.run(feeds);
    const gradients = await collectGradients(result.gradients);
    await program.dispose();
    return {
      loss: Number(result.outputs.get('loss')!.data[0]),
      sample: toFloat32(result.outputs.get('prediction')!),
      gradients,
    };
  }

  gradientChecks(prefix: string, gradients: ReadonlyMap<string, Float32Array>): Check[] {
    const { tensors } = this.optimizer;
    const found = joined(tensors.map(({ name }) => gradients.get(name) ?? new Float32Array(0)));
    const expected = this.joinedGolden(prefix);
    return boundsChecks(`${prefix}*`, found, expected, this.description.bounds['grad.*']!, 1e-4);
  }

  /** Output and gradients at the start, all steps without dropout, and what came of them. */
  async train(): Promise<{ checks: Check[]; adapter: Adapter; unet: SavableNetwork<UNetConfig> }> {
    const { golden, batches, unet, optimizer, description } = this;
    const first = await this.gradients(batches[0]!);
    const losses = description.losses ?? golden.float32('out.losses').data;
    const stepper = new Stepper(new WithoutDropout(unet), optimizer);
    const found: number[] = [];
    for (const batch of batches) found.push((await stepper.step([batch])).loss);
    await stepper.dispose();
    const last = `out.step${batches.length}`;
    const after = await this.gradients(batches[0]!);
    const bounds = Object.entries(description.bounds).find(([name]) => name.startsWith('out.step'))![1];
    const values = joined(optimizer.tensors.map(({ values }) => values));
    const checks = [
      ...this.countChecks(),
      {
        quantity: 'out.sample',
        error: absMax(first.sample, golden.float32('out.sample').data),
        tolerance: SAMPLES,
      },
      ...this.gradientChecks('grad.', first.gradients),
      {
        quantity: 'losses',
        error: Math.max(...found.map((loss, i) => Math.abs(loss / losses[i]! - 1))),
        tolerance: 1e-5,
      },
      ...boundsChecks(`${last}.*`, values, this.joinedGolden(`${last}.`), bounds),
      {
        quantity: `${last}.sample`,
        error: absMax(after.sample, golden.float32(`${last}.sample`).data),
        tolerance: SAMPLES,
      },
    ];
    // Merged weights and files are of the case's own parameters after the steps.
    for (const { key, values } of optimizer.tensors)
      values.set(golden.float32(`${last}.${this.nameOf(key)}`).data);
    return { checks, adapter: optimizer.adapter({ dtype: 'float32' }), unet };
  }

  private countChecks(): Check[] {
    const error = Math.abs(this.optimizer.trainedCount - this.description.adapter_parameters);
    return [{ quantity: 'adapter_parameters', error, tolerance: 0 }];
  }

  private joinedGolden(prefix: string): Float32Array {
    return joined(
      this.optimizer.tensors.map(({ key }) => this.golden.float32(prefix + this.nameOf(key)).data),
    );
  }
}

/** The objective as it is outside training. */
class WithoutDropout extends TargetObjective {
  override build(batch: TargetBatch) {
    return super.build(batch);
  }
}

/** Weights that have the adapter in them, stored in full or as sums and norms. */
async function mergedChecks(
  { merged_order }: FactorsDescription,
  golden: GoldenTensors,
  unet: SavableNetwork<UNetConfig>,
  adapter: Adapter,
): Promise<Check[]> {
  const merged = await AdaptedWeights.open(networkSource(unet), [{ adapter }]);
  let worst = 0;
  const sums: number[] = [];
  const norms: number[] = [];
  for (const path of merged_order) {
    const { data } = await merged.weight(`${path}.weight`);
    sums.push(data.reduce((sum, value) => sum + value, 0));
    norms.push(Math.sqrt(data.reduce((sum, value) => sum + value * value, 0)));
    const stored = `weights.${path}.weight`;
    if (golden.has(stored)) worst = Math.max(worst, absMax(data, golden.float32(stored).data));
  }
  return [
    { quantity: 'merged weights', error: worst, tolerance: 1e-6 },
    {
      quantity: 'out.merged.sums',
      error: absMax(sums, golden.get('out.merged.sums').data as Float64Array),
      tolerance: 1e-5,
    },
    {
      quantity: 'out.merged.norms',
      error: relMax(norms, golden.get('out.merged.norms').data as Float64Array),
      tolerance: 1e-6,
    },
  ];
}

/** From a case below peft/ to the UNet that all of them share. */
function baseOf(folder: string): string {
  const depth = folder.split(/[/\\]/).reverse().indexOf('peft') + 1;
  return join(...Array<string>(depth).fill('..'), 'sara/base');
}

/** Of a text such as "AdamW lr 0.001 betas (0.9, 0.999) eps 1e-8 weight_decay 1e-2 …". */
function adamwOptions(text: string): MethodOptions {
  const number = (pattern: RegExp) => Number(pattern.exec(text)![1]);
  const [, first, second] = /betas \(([\d.]+), ([\d.]+)\)/.exec(text)!;
  return {
    learningRate: number(/lr ([\d.e-]+)/),
    betas: [Number(first), Number(second)],
    epsilon: number(/eps ([\d.e-]+)/),
    weightDecay: number(/weight_decay ([\d.e-]+)/),
  };
}

function joined(parts: readonly Float32Array[]): Float32Array {
  return Float32Array.from(parts.flatMap((part) => Array.from(part)));
}
