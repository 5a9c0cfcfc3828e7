/** The golden cases peft/diffpruning/*: gates and differences with given draws, pruning, and training what is left. */
import { collectGradients } from '../src/autodiff/index.js';
import { float32Array } from '../src/nn/index.js';
import { ChosenEntries } from '../src/peft/chosen-entries.js';
import {
  type DiffPruningOptions,
  GatedDifferences,
  type GateGradients,
} from '../src/peft/diffpruning/search.js';
import type { Gradients, StepOptions, StepReport } from '../src/peft/index.js';
import { SearchingOptimizer } from '../src/peft/search.js';
import { setSelectedValues } from '../src/peft/trained-tensor.js';
import { absMax, type Bounds, boundsChecks, type Check } from './check.js';
import { valuesOf } from './chosen-entries.js';
import { type Mask, maskOf, overlappingMask, readMask } from './masks.js';
import { lossOf, numberAfter, openPeftCase, seriesCheck, stepsOn } from './peft-case.js';
import { type Numbers, summaryChecks } from './summary.js';
import { batchesOf } from './target-objective.js';

interface Description {
  K: number;
  penalty: string;
  final: string;
  losses: number[];
  penalties: number[];
  'norms before clipping [w, alpha]': [number, number][];
  final_losses: number[];
}

/** Of gradients, w and α, where bounds do not hold. */
const RTOL = 1e-4;

export async function runDiffPruningCase(folder: string): Promise<Check[]> {
  const opened = await openPeftCase<Description>(folder);
  const { description, golden, unet, keys } = opened;
  const { K, optimizer: words, bounds, losses } = description;
  const [, rate, gateRate] = /lr ([\d.e-]+) for w and ([\d.e-]+) for alpha/.exec(words)!.map(Number);
  const maxGradientNorm = numberAfter('clipped to norm', words);
  const structured = golden.has('in.group');
  const options: DiffPruningOptions = {
    ...{ targetParameters: K, searchSteps: losses.length, structured },
    ...{ searchLearningRate: rate, gateLearningRate: gateRate, weightDecay: 0 },
    gatePenalty: Number(/lambda = ([\d.e-]+)/.exec(description.penalty)![1]),
  };
  const search = new GivenGates(unet, options, K);
  search.begin(structured ? golden.float32('in.group').data : undefined);
  const batches = batchesOf(golden, 'in.target');
  const optimizer = new SearchingOptimizer('diffpruning', unet, options, () => search);
  const results = await stepsOn(opened, optimizer, batches.slice(0, losses.length), { maxGradientNorm });

  const mask = readMask(golden, 'out.mask', keys);
  const own = maskOf(optimizer.tensors);
  const pruned = golden.float32('out.pruned.values').data;
  // What the search left at the entries that both chose.
  const [found, expected] = shared(own, mask, pruned, (key) => float32Array(unet, key));
  for (const { weights, base } of search.tensors) weights.set(base);
  const training = new ChosenEntries(
    'diffpruning',
    unet,
    { learningRate: numberAfter('lr', description.final), weightDecay: 0 },
    mask,
  );
  let start = 0;
  for (const trained of training.tensors) {
    const count = trained.selected!.length;
    setSelectedValues(trained, pruned.slice(start, start + count));
    start += count;
  }
  const final = await stepsOn(opened, training, batches.slice(losses.length));

  const numbers = (of: (index: number) => Float32Array): Numbers =>
    new Map(keys.map((key, index) => [key, of(index)]));
  const within = (name: string): { bounds: Bounds; rtol: number } => ({ bounds: bounds[name]!, rtol: RTOL });
  const norms = description['norms before clipping [w, alpha]'].map(([ofW]) => ofW);
  const everywhere = (value: number): Bounds => ({ p99: value, 'p99.9': value, max: value });
  return [
    seriesCheck('losses', results.map(lossOf), losses),
    seriesCheck(
      'penalties',
      results.map((result) => result.losses.penalty!),
      description.penalties,
    ),
    seriesCheck(
      'norms of the gradients of w',
      results.map(({ gradientNorm }) => gradientNorm),
      norms,
      RTOL,
    ),
    ...summaryChecks(
      'out.z',
      numbers((i) => search.first[i]!.z),
      golden,
      { bounds: everywhere(5e-6) },
    ),
    ...summaryChecks(
      'grad.w',
      numbers((i) => search.first[i]!.differences),
      golden,
      within('grad.w.*'),
    ),
    ...summaryChecks(
      'grad.alpha',
      numbers((i) => search.first[i]!.gates),
      golden,
      within('grad.alpha.*'),
    ),
    ...summaryChecks(
      'out.w',
      numbers((i) => search.tensors[i]!.differences.values),
      golden,
      within('out.w.*'),
    ),
    ...summaryChecks(
      'out.alpha',
      numbers((i) => search.tensors[i]!.gates.values),
      golden,
      within('out.alpha.*'),
    ),
    ...(structured ? groupChecks() : []),
    overlappingMask('out.mask', own, mask, 0.995),
    { quantity: 'out.pruned.values', error: absMax(found, expected), tolerance: 1e-7 },
    seriesCheck('final_losses', final.map(lossOf), description.final_losses),
    boundsChecks(
      'out.final.values',
      valuesOf(training),
      golden.float32('out.final.values').data,
      everywhere(1e-6),
    )[1]!,
  ];

  function groupChecks(): Check[] {
    const gradients = Float32Array.from(search.first, ({ group }) => group);
    const z = {
      quantity: 'out.z.group',
      error: absMax(search.firstGroupZ, golden.float32('out.z.group').data),
      tolerance: 5e-6,
    };
    const { values } = search.groups!;
    return [
      z,
      ...boundsChecks(
        'grad.group',
        gradients,
        golden.float32('grad.group').data,
        bounds['grad.alpha.*']!,
        RTOL,
      ),
      ...boundsChecks('out.group', values, golden.float32('out.group').data, bounds['out.alpha.*']!, RTOL),
    ];
  }
}

/** Present values of the entries that are in both masks, and those of `values`, which follow the second. */
function shared(
  own: Mask,
  mask: Mask,
  values: Float32Array,
  present: (key: string) => Float32Array,
): [number[], number[]] {
  const [found, expected]: [number[], number[]] = [[], []];
  let start = 0;
  for (const [key, positions] of mask) {
    const chosen = new Set(own.get(key));
    positions.forEach((at, i) => {
      if (!chosen.has(at)) return;
      found.push(present(key)[at]!);
      expected.push(values[start + i]!);
    });
    start += positions.length;
  }
  return [found, expected];
}

/** Gates whose draws are given by a formula, and the first step's z and gradients. */
class GivenGates extends GatedDifferences {
  first: (GateGradients & { z: Float32Array })[] = [];
  firstGroupZ = new Float32Array(0);

  /** Starts from values spread over what gates can do. */
  begin(groups: Float32Array | undefined): void {
    let at = 0;
    for (const { size, gates, differences } of this.tensors) {
      for (let i = 0; i < size; i++, at++) {
        gates.values[i] = 0.5 + 2 * Math.sin(0.37 * at);
        differences.values[i] = 2e-3 * Math.sin(0.7 * at + 0.3);
      }
    }
    if (groups) this.groups!.values.set(groups);
    this.restore(this.state());
  }

  override async update(gradients: Gradients, options?: StepOptions): Promise<StepReport> {
    if (this.step > 0) return super.update(gradients, options);
    const all = await collectGradients(gradients);
    this.firstGroupZ = this.groupZ.slice();
    this.first = this.tensors.map(({ name, z }, index) => ({
      ...this.gradientsOf(index, all.get(name)!),
      z: z.map((value) => value * this.groupZ[index]!),
    }));
    return super.update(all, options);
  }

  /** u = frac((i + 1)·φ + 0.37 k) in step k, where i counts all entries, and whole weights after them. */
  protected override draws(...[of, updates, count]: Parameters<GatedDifferences['draws']>): Float32Array {
    let offset = 0;
    for (const weight of this.tensors) {
      if (weight === of) break;
      offset += weight.size;
    }
    return Float32Array.from({ length: count }, (_, i) => {
      const u = ((offset + i + 1) * 0.6180339887498949 + 0.37 * (updates + 1)) % 1;
      return Math.min(0.9999, Math.max(1e-4, u));
    });
  }
}
