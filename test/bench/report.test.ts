/** The benchmark's arithmetic and its table; what it measures is not tested. */
import { describe, expect, test } from 'vitest';
import { flopsOf } from '../../bench/flops.js';
import { expectedThreshold, randomUNet } from '../../bench/random-weights.js';
import { insertBetweenMarks, toMarkdown, typicalSeconds } from '../../bench/report.js';
import { SIZES } from '../../bench/sizes.js';
import { graphOf, input } from '../../src/graph/index.js';
import { parseUNetConfig } from '../../src/models/index.js';
import { float32Array } from '../../src/nn/index.js';
import { attention, conv2d, gemm } from '../../src/ops/index.js';
import { positionsBelow } from '../../src/peft/index.js';

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

test('the expected threshold trains about as many entries as asked for', () => {
  const config = parseUNetConfig(SIZES.tiny.unet);
  const threshold = expectedThreshold(config, 50_000);
  const unet = randomUNet(config);
  const trained = [...unet.parameters.keys()].map(
    (key) => positionsBelow(float32Array(unet, key), threshold).length,
  );
  expect(trained.reduce((sum, count) => sum + count, 0) / 50_000).toBeCloseTo(1, 1);
});

const measurement = { seconds: [4, 1, 3], setUpSeconds: 9, peakBytes: 2e9 };

test('a typical step is the median, or the mean by frequency where steps differ', () => {
  expect(typicalSeconds(measurement)).toBe(3);
  expect(typicalSeconds({ ...measurement, seconds: [4, 1] })).toBe(2.5);
  expect(typicalSeconds({ ...measurement, weights: [1, 1, 2] })).toBe(2.75);
});

describe('the table', () => {
  const result = {
    size: 'tiny',
    title: 'a tiny UNet',
    date: '2026-01-02',
    machine: {
      processor: 'P',
      cores: 2,
      memoryGiB: 8,
      platform: 'linux x64',
      node: 'v20',
      onnxruntime: '1.30.0',
    },
    threads: 2,
    allocator: 'tcmalloc',
    unet: { parameters: 2e6, trained: 5e4, threshold: 1e-3, batch: 1, latents: [4, 8, 8], tokens: 77 },
    rows: [{ work: 'sara', title: 'SaRA', ours: measurement }],
  };

  test('has ratios where both sides were measured', () => {
    const theirs = { ...measurement, seconds: [6], peakBytes: 8e9 };
    const versions = { python: '3', torch: '2', diffusers: '0' };
    const rows = [{ ...result.rows[0]!, pytorch: theirs }];
    expect(toMarkdown({ ...result, versions, rows })).toContain(
      '| SaRA | 3.00 (1.00–4.00) | 2.00 GB | 6.00 (6.00–6.00) | 8.00 GB | 0.50 | 0.25 |',
    );
  });

  test('says where PyTorch was not there', () => {
    expect(toMarkdown(result)).toContain(
      '| SaRA | 3.00 (1.00–4.00) | 2.00 GB | not measured: no PyTorch | – | – | – |',
    );
  });
});

test('a table goes between its marks and leaves the rest of the page alone', () => {
  const page = 'a\n<!-- bench:x -->\nold\n<!-- /bench:x -->\nb\n';
  expect(insertBetweenMarks(page, 'x', 'new')).toBe('a\n<!-- bench:x -->\nnew\n<!-- /bench:x -->\nb\n');
  expect(() => insertBetweenMarks(page, 'y', 'new')).toThrow(/lacks the marks/);
});
