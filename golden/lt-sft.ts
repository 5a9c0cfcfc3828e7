/** The golden case peft/lt-sft: full fine-tuning, the entries that moved furthest, and training those from the start. */
import { float32Array } from '../src/nn/index.js';
import { ChosenEntries } from '../src/peft/chosen-entries.js';
import { Movement } from '../src/peft/lt-sft/search.js';
import { boundsChecks, type Check } from './check.js';
import { valuesOf } from './chosen-entries.js';
import { overlappingMask, readMask } from './masks.js';
import { adamwOptions, lossOf, openPeftCase, seriesCheck, stepsOn } from './peft-case.js';
import { summaryChecks } from './summary.js';
import { batchesOf } from './target-objective.js';

interface Description {
  K: number;
  losses_phase1: number[];
  losses_phase2: number[];
}

export async function runLtSftCase(folder: string): Promise<Check[]> {
  const opened = await openPeftCase<Description>(folder);
  const { description, golden, unet, keys } = opened;
  const { K, losses_phase1, losses_phase2, bounds } = description;
  const options = adamwOptions(description);
  const batches = batchesOf(golden, 'in.target');
  const search = new Movement(unet, options, K);
  const searching = await stepsOn(opened, search, batches.slice(0, losses_phase1.length));
  const moved = new Map(keys.map((key) => [key, float32Array(unet, key).slice()]));
  const { positions } = search.finish();
  const mask = readMask(golden, 'out.mask', keys);
  const training = new ChosenEntries('lt-sft', unet, options, mask);
  const trained = await stepsOn(opened, training, batches.slice(losses_phase1.length));
  return [
    seriesCheck('losses_phase1', searching.map(lossOf), losses_phase1),
    ...summaryChecks('out.theta1', moved, golden, { bounds: bounds['out.theta1.*']! }),
    overlappingMask('out.mask', positions, mask, 0.995),
    seriesCheck('losses_phase2', trained.map(lossOf), losses_phase2),
    ...boundsChecks(
      'out.values',
      valuesOf(training),
      golden.float32('out.values').data,
      bounds['out.values']!,
    ),
  ];
}
