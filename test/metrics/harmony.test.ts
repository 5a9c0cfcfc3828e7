/** The index of the paper: its printed tables, each with the group that they were made in. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { harmonyIndex } from '../../src/metrics/index.js';

type Row = [params: string, method: string, first: number, second: number, printed: number];
interface Group {
  table: string;
  backbone: string;
  dataset: string;
  metrics: [string, string];
  rows: Row[];
}

const groups: Group[] = JSON.parse(readFileSync('test/fixtures/paper/vlhi.json', 'utf8'));

/** Rows that were added when the others' index had been printed: theirs alone is over all rows. */
const ADDED_LATER: Record<string, string> = { 2: 'DiffPruning', 3: 'DoRA' };
/** Two decimals, some of them cut off instead of rounded. */
const PRINTED = 0.01 + 1e-9;

function indexOf(rows: readonly Row[], [first]: readonly string[]): number[] {
  return harmonyIndex([
    { values: rows.map((row) => row[2]), better: first === 'FID' ? 'lower' : 'higher' },
    { values: rows.map((row) => row[3]), better: 'higher' },
  ]);
}

/** Rows whose index is printed, as far as this group's rule reproduces it. */
function recomputed({ table, rows, metrics }: Group): { row: Row; found: number }[] {
  const all = indexOf(rows, metrics);
  const earlier = rows.filter((row) => row[1] !== ADDED_LATER[table]);
  const ofEarlier = indexOf(earlier, metrics);
  return rows.map((row, i) => ({ row, found: ofEarlier[earlier.indexOf(row)] ?? all[i]! }));
}

describe.each([
  ['main 1', 234, []],
  ['main 2', 6, ['Expedition 50M w/o PPA & Lrank']],
  ['2', 102, ['Cyberpunk 860M Full-finetune']],
  ['3', 96, ['Hornify 20M SaRA (Ours)']],
  ['5', 24, []],
])('table %s', (table, values, misprinted) => {
  it(`has its ${values} printed values but for ${misprinted.length}`, () => {
    const found = groups
      .filter((group) => group.table === table)
      .flatMap((group) => recomputed(group).map((entry) => ({ ...entry, dataset: group.dataset })));
    const wrong = found.filter(({ row, found: value }) => Math.abs(value - row[4]) > PRINTED);
    expect(found.length).toBe(values);
    expect(wrong.map(({ row, dataset }) => `${dataset} ${row[0]} ${row[1]}`)).toEqual(misprinted);
  });
});

it('cannot be had of table 4, whose B-VQA has two decimals, but for 38 of 96 values', () => {
  const found = groups.filter(({ table }) => table === '4').flatMap(recomputed);
  const right = found.filter(({ row, found: value }) => Math.abs(value - row[4]) <= PRINTED);
  expect([right.length, found.length]).toEqual([38, 96]);
});

it('gives 0 for a metric that is the same for all', () => {
  expect(
    harmonyIndex([
      { values: [3, 3], better: 'lower' },
      { values: [1, 2], better: 'higher' },
    ]),
  ).toEqual([0, 1]);
});
