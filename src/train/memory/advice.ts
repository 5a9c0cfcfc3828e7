/** Which settings would make a run fit into memory. */
import { estimateLargest, type MemoryRequest } from './estimate.js';

export interface Advice {
  /** As they are given on the command line. */
  readonly flags: string;
  /** What the run takes with them. */
  readonly peak: number;
}

type Change = Partial<MemoryRequest>;

/**
 * The first of ever stronger changes with which the run takes at most `limit` bytes; undefined where none does. Training
 * is the last part of the run. `canHalve` says whether the UNet's weights may be kept in float16.
 */
export function adviceFor(
  parts: readonly MemoryRequest[],
  limit: number,
  canHalve: boolean,
): Advice | undefined {
  const training = parts.at(-1)!;
  for (const change of changes(training, canHalve)) {
    const { peak } = estimateLargest(parts.map((part) => ({ ...part, ...change })));
    if (peak <= limit) return { flags: flagsOf(training, change), peak };
  }
  return undefined;
}

/** What costs least comes first: float16 costs little time, recomputing more, small pictures quality. */
function changes(request: MemoryRequest, canHalve: boolean): Change[] {
  const { weightDtype, checkpoint, batch, accumulate, size } = request;
  const half: Change = canHalve && weightDtype === 'float32' ? { weightDtype: 'float16' } : {};
  const recompute: Change = checkpoint ? {} : { checkpoint: true };
  const few: Change = batch > 1 ? { batch: 1, accumulate: accumulate * batch } : {};
  const all = { ...half, ...recompute, ...few };
  const smaller = SIDES.filter((side) => side < size).map((side) => ({ ...all, size: side }));
  return [half, recompute, few, { ...half, ...recompute }, all, ...smaller].filter(
    (change) => Object.keys(change).length > 0,
  );
}

/** Sides of pictures that may be advised, in pixels. */
const SIDES = [768, 512, 256];

function flagsOf(request: MemoryRequest, change: Change): string {
  const flags: string[] = [];
  if (change.weightDtype) flags.push(`--weight-dtype ${change.weightDtype}`);
  if (change.checkpoint) flags.push('--gradient-checkpointing');
  if (change.batch)
    flags.push(`--batch ${change.batch} --accumulate ${change.accumulate ?? request.accumulate}`);
  if (change.size) flags.push(`--size ${change.size}`);
  return flags.join(' ');
}
