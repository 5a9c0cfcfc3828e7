/** The golden cases metrics/fid and metrics/vlhi: distances between given features, and the index of given groups. */
import { type Dense, dense } from '../src/linalg/index.js';
import {
  frechetDistance,
  type GroupMetric,
  harmonyIndex,
  squaredDiscrepancy,
  subset,
} from '../src/metrics/index.js';
import { elementAt, GoldenTensors, readDescription } from './case.js';
import { absMax, type Check, relMax } from './check.js';
import { DATA } from './sara.js';

interface FidDescription {
  case: string;
  fid: number;
  /** How the second features follow from the first, where they are not stored. */
  'in.features2'?: string;
  kid?: { mean: number; std: number; [firstRows: string]: unknown };
}

/** By the ends of case names; the last is the others'. */
const FID_TOLERANCES: readonly (readonly [ending: string, tolerance: number])[] = [
  ['singular', 1e-6],
  ['shifted', 1e-5],
  ['', 1e-8],
];

export async function runFidCase(folder: string): Promise<Check[]> {
  const description = await readDescription<FidDescription>(folder);
  const golden = await GoldenTensors.read(folder, DATA);
  const first = matrixOf(golden, 'in.features1');
  const second = golden.has('in.features2')
    ? matrixOf(golden, 'in.features2')
    : shifted(first, description['in.features2']!);
  const found = await frechetDistance(first, second);
  const [, tolerance] = FID_TOLERANCES.find(([ending]) => description.case.endsWith(ending))!;
  const error = Math.abs(found - description.fid) / Math.max(1, Math.abs(description.fid));
  return [{ quantity: 'fid', error, tolerance }, ...(await kidChecks(description, golden, first, second))];
}

async function kidChecks({ kid }: FidDescription, golden: GoldenTensors, first: Dense, second: Dense) {
  if (!kid) return [];
  const subsets = golden.get('in.kid.indices1').shape[0]!;
  const found: number[] = [];
  for (let i = 0; i < subsets; i++) {
    const rows = (from: Dense, name: string) =>
      subset(from, elementAt(golden.int32(name), i).data as Int32Array);
    found.push(await squaredDiscrepancy(rows(first, 'in.kid.indices1'), rows(second, 'in.kid.indices2')));
  }
  const size = Math.min(first.rows, second.rows);
  const rows = Array.from({ length: size }, (_, i) => i);
  const name = `first ${size} rows of each`;
  const whole = await squaredDiscrepancy(subset(first, rows), subset(second, rows));
  return [
    { quantity: 'out.kid', error: relMax(found, doubles(golden, 'out.kid')), tolerance: 1e-9 },
    { quantity: `kid, ${name}`, error: relMax([whole], [kid[name] as number]), tolerance: 1e-9 },
  ];
}

/** "the same as in.features1" or "in.features1 + 0.25 (fp32)". */
function shifted({ rows, columns, data }: Dense, rule: string): Dense {
  const shift = Number(/\+ ([\d.]+)/.exec(rule)?.[1] ?? 0);
  return dense(
    rows,
    columns,
    Float32Array.from(data, (value) => value + shift),
  );
}

interface VlhiDescription {
  mean_example: Readonly<Record<string, number[]>>;
  groups: readonly Readonly<Record<string, unknown>>[];
  paper: readonly Readonly<Record<string, unknown>>[];
}

export async function runVlhiCase(folder: string): Promise<Check[]> {
  const { groups, paper, mean_example } = await readDescription<VlhiDescription>(folder);
  const check = (quantity: string, group: Readonly<Record<string, unknown>>): Check => ({
    quantity,
    error: absMax(harmonyIndex(metricsOf(group)), group.VLHI as number[]),
    tolerance: 1e-12,
  });
  const means = {
    FID: mean_example['mean FID'],
    CLIP: mean_example['mean CLIP'],
    VLHI: mean_example['VLHI of the means'],
  };
  return [
    ...groups.map((group) => check(String(group.name), group)),
    check('VLHI of the means', means),
    ...paper.map((group) => check(`table ${group.table}, ${group.backbone}, ${group.dataset}`, group)),
  ];
}

function metricsOf(group: Readonly<Record<string, unknown>>): GroupMetric[] {
  return ['FID', 'CLIP', 'CLIP-I', 'CLIP-T']
    .filter((name) => group[name])
    .map((name) => ({ values: group[name] as number[], better: name === 'FID' ? 'lower' : 'higher' }));
}

function matrixOf(golden: GoldenTensors, name: string): Dense {
  const { shape, data } = golden.float32(name);
  return dense(shape[0]!, shape[1]!, data);
}

function doubles(golden: GoldenTensors, name: string): Float64Array {
  return golden.get(name).data as Float64Array;
}
