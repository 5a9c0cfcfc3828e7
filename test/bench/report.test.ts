/** The benchmark's arithmetic, its plan, its tables and the documents made of them; what it measures is not tested. */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { documents } from '../../bench/docs.js';
import { flopsOf } from '../../bench/flops.js';
import { cellsOf, interleaved } from '../../bench/plan.js';
import { plots } from '../../bench/plot.js';
import { expectedThreshold, randomNetwork } from '../../bench/random-weights.js';
import { insertBetweenMarks, toMarkdown } from '../../bench/report.js';
import {
  type Cell,
  type CellResult,
  type Measurement,
  type Result,
  typicalSeconds,
} from '../../bench/result.js';
import { ResultFile } from '../../bench/result-file.js';
import { SIZES } from '../../bench/sizes.js';
import { arithmeticLimit, targetsOf, targetTable } from '../../bench/targets.js';
import { graphOf, input } from '../../src/graph/index.js';
import { UNET } from '../../src/models/index.js';
import { asFloat32 } from '../../src/nn/index.js';
import { attention, conv2d, gemm } from '../../src/ops/index.js';
import { positionsBelow } from '../../src/peft/index.js';
import { temporaryFolder } from '../support/temporary.js';

describe('flopsOf', () => {
  test('a convolution costs two for each output and tap of all input channels', () => {
    const y = conv2d(input('x', [2, 3, 8, 8]), input('w', [5, 3, 3, 3]), undefined, {
      stride: 2,
      padding: [1, 1, 1, 1],
    });
    expect(flopsOf(graphOf({ y }))).toBe(2 * (2 * 5 * 4 * 4) * (3 * 3 * 3));
  });

  test('a transposed matrix product costs what the product costs', () => {
    const y = gemm(input('a', [7, 4]), input('b', [5, 7]), { transposeA: true, transposeB: true });
    expect(flopsOf(graphOf({ y }))).toBe(2 * 4 * 5 * 7);
  });

  test('attention costs the scores and the sums of values', () => {
    const heads = (tokens: number, width: number, name: string) => input(name, [2, 3, tokens, width]);
    const y = attention(heads(5, 8, 'q'), heads(7, 8, 'k'), heads(7, 6, 'v'), { scale: 1, causal: false });
    expect(flopsOf(graphOf({ y }))).toBe(2 * (2 * 3) * (5 * 7 * 8 + 5 * 7 * 6));
  });
});

test.each(['float32', 'float16'] as const)(
  'the expected threshold trains as many entries as asked for in %s',
  (dtype) => {
    const { unet } = SIZES.tiny;
    const threshold = expectedThreshold(unet, 50_000);
    const { parameters } = randomNetwork('unet', UNET, unet, dtype);
    const trained = [...parameters.values()].map(
      (weight) => positionsBelow(asFloat32(weight).data, threshold).length,
    );
    expect(trained.reduce((sum, count) => sum + count, 0) / 50_000).toBeCloseTo(1, 1);
  },
);

const MAIN = { pixels: 256, batch: 1 };

function cell(of: Partial<Cell>, measurement: Partial<Measurement> = {}): CellResult {
  const made = { at: '2026-01-02T03:04:05.000Z', seconds: [4, 1, 3], warmUpSeconds: [5], setUpSeconds: 9 };
  return {
    ...{ side: 'ours', work: 'sara', ...MAIN, ...of },
    measurements: [{ ...made, peakBytes: 2e9, ...measurement }],
  };
}

/** A result of Stable Diffusion 1.5 with these cells. */
function resultOf(...cells: CellResult[]): Result {
  const machine = { processor: 'P', cores: 2, memoryGiB: 8, platform: 'linux x64', node: 'v20' };
  return {
    size: 'sd15',
    title: 'Stable Diffusion 1.5',
    machine: { ...machine, onnxruntime: '1.30.0' },
    threads: 2,
    allocator: 'tcmalloc',
    unet: { parameters: 2e6, threshold: 1e-3, tokens: 77, loraRank: 100 },
    points: SIZES.sd15.points.map((point) => ({ ...point, forwardFlops: 1e11 * point.batch })),
    cells,
  };
}

test('a typical step is the median of all, or the mean by frequency where steps differ', () => {
  const pooled = {
    ...cell({}),
    measurements: [...cell({}).measurements, ...cell({}, { seconds: [9] }).measurements],
  };
  expect(typicalSeconds(pooled)).toBe(3.5);
  expect(typicalSeconds(cell({}, { seconds: [4, 1] }))).toBe(2.5);
  expect(typicalSeconds(cell({}, { weights: [1, 1, 2] }))).toBe(2.75);
});

describe('the plan', () => {
  test('measures every method at the first point and those of the plot at all', () => {
    const works = (pixels: number, batch: number) =>
      cellsOf('sd15', { pixels: [pixels], batch: [batch] }).map(({ work }) => work);
    expect(works(256, 1)).toEqual(expect.arrayContaining(['gemm', 'full', 'official-dense', 'start-sara']));
    expect(works(256, 8)).toEqual(expect.arrayContaining(['sara', 'official', 'lora', 'lt-sft']));
    expect(works(256, 8)).not.toContain('gemm');
    expect(works(512, 1)).toContain('sample');
    expect(cellsOf('sdxl').every(({ side, work }) => side === 'ours' && work.startsWith('sara-half'))).toBe(
      true,
    );
  });

  test('turns every other round around', () => {
    const cells = cellsOf('tiny', { only: ['gemm', 'sara'], batch: [1] });
    const order = interleaved(cells, 2);
    expect(order.slice(0, cells.length)).toEqual(cells);
    expect(order.slice(cells.length)).toEqual(cells.toReversed());
  });
});

describe('the file of results', () => {
  const measurement = cell({}).measurements[0]!;
  const now = { ...measurement, at: new Date().toISOString() };

  test('keeps each measurement, and goes on with those of the last day', async () => {
    const path = join(await temporaryFolder(), 'sd15.json');
    const fresh = resultOf();
    const [first, second] = cellsOf('sd15') as [Cell, Cell];
    const file = await ResultFile.open(path, fresh);
    await file.add(first, now);
    await file.add(second, measurement);
    const again = await ResultFile.open(path, fresh);
    again.forget([first, second], false);
    expect([again.count(first), again.count(second)]).toEqual([1, 0]);
    again.forget([first], true);
    expect(again.count(first)).toBe(0);
    await again.skip(second, 'there was no room');
    expect(JSON.parse(await readFile(path, 'utf8')).cells).toEqual([
      { ...second, measurements: [], skipped: 'there was no room' },
    ]);
  });

  test('is not mixed with measurements of another machine', async () => {
    const path = join(await temporaryFolder(), 'sd15.json');
    const file = await ResultFile.open(path, resultOf());
    await file.add(cellsOf('sd15')[0]!, now);
    const other = { ...resultOf(), threads: 4 };
    await expect(ResultFile.open(path, other)).rejects.toThrow(/measured with threads 2, now it is 4/);
  });
});

describe('the report', () => {
  const flops = 2e12;
  const result = resultOf(
    cell({ work: 'gemm' }, { seconds: [1], flops }),
    cell({ work: 'sara' }, { trained: 5e7 }),
    cell({ side: 'pytorch', work: 'official' }, { seconds: [12], peakBytes: 8e9, trained: 5e7 }),
    cell({ side: 'pytorch', work: 'official', batch: 2 }, { seconds: [20], trained: 5e7 }),
    { ...cell({ side: 'pytorch', work: 'lt-sft', batch: 8 }), measurements: [], skipped: 'needs 99 GB' },
  );

  test('compares each method with ours', () => {
    const text = toMarkdown(result);
    expect(text).toContain(
      '| official SaRA, unstructured | PyTorch | 50.0M | 12.0 (12.0–12.0) | 8.00 GB | 4.00 | 4.00 |',
    );
    expect(text).toContain(
      '| official SaRA, unstructured | PyTorch | 12.0 s, 8.00 GB | 20.0 s, 2.00 GB | – | – |',
    );
    expect(text).toContain('- LT-SFT, masked dense (PyTorch), 256 pixels, batch 8: needs 99 GB');
    expect(text).toContain('2000 GFLOP/s in ONNX Runtime');
  });

  test('says of each target whether it is met, and by how much', () => {
    expect(arithmeticLimit(result, MAIN)).toBe(0.1);
    const [speed, lora, limit] = targetsOf({ sd15: result });
    expect([speed!.value, lora!.value, limit!.value]).toEqual([4, undefined, 30]);
    const table = targetTable({ sd15: result });
    expect(table).toContain(
      '| speed at 256 px over the official SaRA | at least 4 × | 4.00 × | met, by 0 % |',
    );
    expect(table).toContain('| at most 1.5 × | 30.00 × | **missed** by 1900 % |');
    expect(table).toContain('| peak memory at 256 px | at most 4.2 GB | 2.00 GB | met, by 52 % |');
    expect(table).toContain('| at most 1 × | not measured | – |');
  });

  test('draws memory and time over the batch', () => {
    const drawn = plots(result, 256);
    expect([...drawn.keys()]).toEqual(['sd15-memory.svg', 'sd15-time.svg']);
    const svg = drawn.get('sd15-time.svg')!;
    expect(svg).toContain('official SaRA, unstructured</text>');
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  });
});

test('docs/performance.md and its plots say what the results say', () => {
  for (const [path, text] of documents())
    expect(readFileSync(path, 'utf8') === text, `${path}: run npm run bench -- --write-docs`).toBe(true);
});

test('a table goes between its marks and leaves the rest of the page alone', () => {
  const page = 'a\n<!-- bench:x -->\nold\n<!-- /bench:x -->\nb\n';
  expect(insertBetweenMarks(page, 'x', 'new')).toBe('a\n<!-- bench:x -->\nnew\n<!-- /bench:x -->\nb\n');
  expect(() => insertBetweenMarks(page, 'y', 'new')).toThrow(/lacks the marks/);
});
