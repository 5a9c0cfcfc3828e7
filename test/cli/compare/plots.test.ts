/** Which plots follow from what varies, and what they show. */
import { expect, it } from 'vitest';
import { type PlotRow, plotsOf } from '../../../src/cli/compare/plots.js';
import { badNumbers, elements, texts } from '../../support/svg.js';

const loss = { key: 'loss', label: 'held-out loss', better: 'lower' } as const;
const clip = { key: 'clip', label: 'CLIP score', better: 'higher' } as const;

function result(row: string, mean: number, rest: Partial<PlotRow> = {}): PlotRow {
  const metrics = { loss: { mean, spread: 0.01 }, clip: { mean: 10 * mean, spread: 0.1 } };
  return { set: 'Flat & round', row, size: undefined, scale: 1, varied: {}, metrics, ...rest };
}

const plot = (rows: readonly PlotRow[], metrics: Parameters<typeof plotsOf>[0]['metrics'] = [loss]) =>
  plotsOf({ title: 'A comparison', metrics }, rows);
const names = (plots: ReturnType<typeof plot>) => plots.map(({ name }) => name);

it('draws dots where only methods differ', () => {
  const plots = plot([result('LoRA', 1), result('SaRA', 2)]);
  expect(names(plots)).toEqual(['loss-flat-round']);
  expect(texts(plots[0]!.svg)).toEqual(
    expect.arrayContaining([
      'A comparison · Flat &amp; round',
      'LoRA',
      'SaRA',
      '1.000 ± 0.010',
      '2.000 ± 0.010',
    ]),
  );
});

it('draws lines over sizes, with a method that has none across', () => {
  const sized = ['LoRA', 'SaRA'].flatMap((row) => [0.005, 0.05].map((size) => result(row, size, { size })));
  const plots = plot([...sized, result('Full fine-tuning', 0.02)]);
  expect(names(plots)).toEqual(['loss-by-size-flat-round']);
  const { svg } = plots[0]!;
  expect(elements(svg, 'path', 'line')).toHaveLength(2);
  expect(elements(svg, 'line', 'level').length).toBeGreaterThan(0);
  expect(texts(svg)).toEqual(
    expect.arrayContaining(['0.5 %', '5 %', 'share of the weights that train', 'Full fine-tuning']),
  );
});

it('draws lines over one setting, one for each value of what else varies', () => {
  const rows = [0.01, 0.1].flatMap((size) =>
    [1, 2, 4].map((rank) => result('LoRA', rank, { size, varied: { loraRank: rank } })),
  );
  const plots = plot(rows);
  expect(names(plots)).toEqual(['loss-by-lora-rank-flat-round']);
  expect(texts(plots[0]!.svg)).toEqual(expect.arrayContaining(['lora rank', 'LoRA, 1 %', 'LoRA, 10 %']));
  const strokes = elements(plots[0]!.svg, 'path', 'line').map(({ attributes }) => attributes.stroke);
  expect(new Set(strokes).size).toBe(2);
});

it('draws one line for each method over a setting that all of them vary', () => {
  const rows = ['LoRA', 'SaRA'].flatMap((row) =>
    [1e-3, 1e-2].map((rate) => result(row, rate, { varied: { learningRate: rate } })),
  );
  const { svg } = plot(rows)[0]!;
  expect(elements(svg, 'path', 'line')).toHaveLength(2);
  expect(texts(svg)).toEqual(expect.arrayContaining(['learning rate', 'LoRA', 'SaRA']));
});

it('draws lines over scales', () => {
  const plots = plot([0, 0.5, 1].map((scale) => result('SaRA', scale, { scale })));
  expect(names(plots)).toEqual(['loss-by-scale-flat-round']);
});

it('draws a map for each metric, set and method of two settings, and Eq. 5 through the best', () => {
  // 8e-4 · exp(−1000 ln 2 · θ) halves with each threshold.
  const thresholds = [1e-3, 2e-3, 3e-3];
  const rows = ['one', 'two'].flatMap((set) =>
    thresholds.flatMap((threshold, i) =>
      [4e-4, 2e-4, 1e-4].map((learningRate, j) =>
        result('SaRA', i === j ? 0.1 : 0.2, { set, varied: { threshold, learningRate } }),
      ),
    ),
  );
  const plots = plot(rows, [loss, clip]);
  expect(names(plots).filter((name) => name.includes('threshold-learning-rate'))).toEqual([
    'loss-by-threshold-learning-rate-sara-one',
    'clip-by-threshold-learning-rate-sara-one',
    'loss-by-threshold-learning-rate-sara-two',
    'clip-by-threshold-learning-rate-sara-two',
  ]);
  const { svg } = plots[0]!;
  expect(texts(svg).filter((text) => text === '0.100')).toHaveLength(3);
  expect(texts(svg).find((text) => text.startsWith('fit '))).toBe('fit 8e-4·exp(−693 θ)');
  expect(elements(svg, 'polyline', 'fit').length).toBeGreaterThan(0);
});

it('draws each method by what varies in it', () => {
  const rows = [
    ...[1, 2].map((rank) => result('LoRA', rank, { varied: { rank } })),
    ...[1, 2].map((threshold) => result('SaRA', threshold, { varied: { threshold } })),
    ...['cosine', 'constant'].map((schedule, i) => result('DoRA', i + 1, { varied: { schedule } })),
  ];
  const plots = plot(rows);
  expect(names(plots)).toEqual(['loss-by-rank-flat-round', 'loss-by-threshold-flat-round']);
  for (const { svg } of plots) expect(texts(svg)).toContain('DoRA, schedule cosine');
});

it('sets the first two metrics against each other', () => {
  const rows = [result('LoRA', 1), result('SaRA', 2)];
  expect(names(plot(rows, [loss, clip]))).toEqual([
    'loss-flat-round',
    'clip-flat-round',
    'loss-and-clip-flat-round',
  ]);
  expect(names(plot(rows.slice(1), [loss, clip]))).toHaveLength(2);
});

it('enlarges the markers with the only number that varies', () => {
  const rows = [0.5, 1, 2].map((scale) => result('SaRA', scale, { scale }));
  const { svg } = plot(rows, [loss, clip]).at(-1)!;
  expect(texts(svg)).toEqual(expect.arrayContaining(['scale 0.5', 'scale 1', 'scale 2']));
  expect(
    elements(svg, 'circle', 'marker')
      .slice(0, 3)
      .map(({ attributes }) => attributes.r),
  ).toEqual(['4', '7', '9']);
});

it('shows what diverged, and passes over metrics that were not measured', () => {
  const lost = { loss: { mean: Number.NaN, spread: Number.NaN } };
  const changes: Partial<PlotRow>[] = [
    {},
    { size: 0.1 },
    { scale: 2 },
    { varied: { rank: 3 } },
    { varied: { rank: 3, alpha: 4 } },
  ];
  for (const rest of changes) {
    const rows = [
      result('SaRA', 1, { varied: { rank: 1, alpha: 1 }, size: 0.2 }),
      result('SaRA', 2, { metrics: lost, ...rest }),
    ];
    for (const { svg } of plot(rows, [loss, clip])) expect(badNumbers(svg)).toEqual([]);
    expect(plot(rows).some(({ svg }) => texts(svg).includes('diverged'))).toBe(true);
  }
});

it('names files apart, and draws nothing of nothing', () => {
  const rows = ['a b', 'a-b'].map((set) => result('SaRA', 1, { set }));
  expect(names(plot(rows))).toEqual(['loss-a-b', 'loss-a-b-2']);
  expect(plot([])).toEqual([]);
});
